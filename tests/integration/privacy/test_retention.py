"""Retention: what is past its time is proposed, a person confirms by its count, held rows stay, all is certified."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.privacy import retention
from app.domain.privacy.erasing import place_hold
from app.domain.privacy.models import PurgeState, RetentionPurge, RetentionRule
from app.domain.privacy.retention import (
    NothingExpired,
    decide_purge,
    get_certificate,
    have_purges_due,
    list_rules,
    perform_due_purges,
    propose_expired,
    propose_purge,
    set_months,
)
from app.domain.records.models import MedicalRecord
from app.tenancy.binding import bind_hospital
from app.tenancy.ending import signing
from tests.support.platform import ACTOR, Platform

Bind = Callable[[str], Any]
OTHER = Actor(ActorKind.STAFF, uuid4(), "Hai")
PAGE = "/h/alpha/hospital/retention"


@pytest.fixture
def old_records(world: Any, platform: Platform) -> Any:
    """The world's first patient's signed records are eleven years old."""
    with platform.admin("alpha") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE medical_records SET signed_at = now() - interval '11 years',"
            " created_at = now() - interval '11 years' WHERE status <> 'draft' AND patient_id = %s",
            (world.patient_id,),
        )
    return world


def make_messages(platform: Platform, patient_id: Any, count: int) -> None:
    with platform.admin("alpha") as connection:
        connection.execute(
            "INSERT INTO outbound_messages (id, key, channel, template, locale, recipient, patient_id, subject, body,"
            " state, created_at) SELECT gen_random_uuid(), 'old:' || n, 'console', 'confirmation', 'vi', 'x', %s, 'x',"
            " 'x', 'sent', now() - interval '3 years' FROM generate_series(1, %s) n",
            (patient_id, count),
        )


def confirm(bound: Bind, code: str) -> Any:
    with bound("alpha"):
        row = propose_purge(ACTOR, code)
        row_id, version, rows = row.id, row.version, row.counts["rows"]
    with bound("alpha"):
        decide_purge(OTHER, row_id, version, rows=rows)
    return row_id


def perform(app: Flask, batch: int = 500) -> int:
    with app.app_context(), bind_hospital("alpha"):
        return perform_due_purges(batch)


def rows_of(bound: Bind, code: str) -> int:
    with bound("alpha"):
        return int(next(rule.rows for rule in list_rules() if rule.code == code))


def test_only_what_is_past_its_time_is_listed_and_proposing_deletes_nothing(
    app: Flask, bound: Bind, old_records: Any
) -> None:
    assert rows_of(bound, "records.general") > 0
    assert rows_of(bound, "records.accident") == 0
    with bound("alpha"):
        before = db.session.scalar(sa.select(sa.func.count()).select_from(MedicalRecord))
        assert propose_expired(ACTOR) == 1
        assert propose_expired(ACTOR) == 0
    assert perform(app) == 0
    with bound("alpha"):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MedicalRecord)) == before


def test_a_confirmed_purge_deletes_and_leaves_a_certificate(app: Flask, bound: Bind, old_records: Any) -> None:
    purge_id = confirm(bound, "records.general")
    with bound("alpha"):
        assert have_purges_due()
    perform(app)
    perform(app)
    with bound("alpha"):
        signed = sa.select(MedicalRecord.id).where(
            MedicalRecord.patient_id == old_records.patient_id, MedicalRecord.signed_at.is_not(None)
        )
        assert db.session.scalar(signed) is None
        others = sa.select(MedicalRecord.id).where(MedicalRecord.patient_id == old_records.other_patient_id)
        assert db.session.scalar(others.limit(1)) is not None
        handed_out = get_certificate(purge_id)
        assert signing.is_genuine(handed_out["document"], handed_out["signature"])
        assert handed_out["document"]["deleted_rows"]["medical_records"] > 0
        altered = {**handed_out["document"], "deleted_rows": {}}
        assert not signing.is_genuine(altered, handed_out["signature"])
        assert old_records.name not in json.dumps(handed_out, ensure_ascii=False)
    assert rows_of(bound, "records.general") == 0


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_held_rows_are_never_purged(app: Flask, bound: Bind, world: Any, platform: Platform, when: str) -> None:
    make_messages(platform, world.patient_id, 10)
    if when == "before":
        with bound("alpha"):
            place_hold(ACTOR, world.patient_id, "Tranh chấp")
        assert rows_of(bound, "messages") == 0
        return
    confirm(bound, "messages")
    with bound("alpha"):
        place_hold(ACTOR, world.patient_id, "Tranh chấp")
    perform(app)
    with bound("alpha"):
        old = sa.select(sa.func.count()).where(OutboundMessage.key.like("old:%"))
        assert db.session.scalar(old) == 10


def test_a_worker_killed_half_way_goes_on_and_counts_once(
    app: Flask, bound: Bind, world: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_messages(platform, world.patient_id, 25)
    purge_id = confirm(bound, "messages")
    step, steps = retention._purge_batch, iter((True, True))

    def killed(purge: Any, batch: int) -> bool:
        next(steps, None) or (_ for _ in ()).throw(KeyboardInterrupt)
        return step(purge, batch)

    monkeypatch.setattr(retention, "_purge_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        perform(app, batch=10)
    monkeypatch.undo()
    perform(app, batch=10)
    with bound("alpha"):
        assert get_certificate(purge_id)["document"]["deleted_rows"] == {"outbound_messages": 25}


def test_ten_thousand_rows_go(app: Flask, bound: Bind, world: Any, platform: Platform) -> None:
    make_messages(platform, world.patient_id, 10_000)
    confirm(bound, "messages")
    perform(app, batch=5_000)
    assert rows_of(bound, "messages") == 0


def test_nothing_is_kept_shorter_than_the_law_says(bound: Bind, alpha: str) -> None:
    with bound(alpha):
        rule = db.session.scalars(sa.select(RetentionRule).where(RetentionRule.code == "records.general")).one()
        with pytest.raises(InvalidValue):
            set_months(ACTOR, rule.code, rule.version, 119)
        with pytest.raises(StaleVersion):
            set_months(ACTOR, rule.code, rule.version + 1, 121)
        with pytest.raises(sa.exc.IntegrityError), db.session.begin_nested():
            db.session.execute(sa.update(RetentionRule).where(RetentionRule.code == rule.code).values(months=1))
        with pytest.raises(NothingExpired):
            propose_purge(ACTOR, rule.code)


def test_the_application_cannot_purge_what_nobody_confirmed(bound: Bind, world: Any, platform: Platform) -> None:
    make_messages(platform, world.patient_id, 1)
    with bound("alpha"):
        row = propose_purge(ACTOR, "messages")
        call = sa.select(sa.func.vien_purge_expired(row.id, 10))
        with pytest.raises(sa.exc.DBAPIError, match="no confirmed purge"), db.session.begin_nested():
            db.session.scalar(call, bind_arguments={"mapper": RetentionPurge})


def test_messages_on_their_way_are_not_purged(bound: Bind, world: Any) -> None:
    with bound("alpha"):
        db.session.add(
            OutboundMessage(
                key="old:queued", channel=Channel.CONSOLE, template="x", locale="vi", recipient="x", subject="x",
                body="x", state=MessageState.QUEUED, created_at=clock.now() - timedelta(days=2000),
            )
        )  # fmt: skip
    assert rows_of(bound, "messages") == 0


def test_the_page_lists_proposes_and_asks_for_the_number(
    app: Flask, sign_in_staff: Any, bound: Bind, world: Any, platform: Platform, alpha: str
) -> None:
    make_messages(platform, world.patient_id, 3)
    admin = sign_in_staff(alpha, "administrator")
    assert admin.get(PAGE).status_code == 200
    assert admin.submit(f"{PAGE}/proposals", {"rule": "messages"}, page=PAGE).status_code == 303
    with bound(alpha):
        row = db.session.scalars(sa.select(RetentionPurge)).one()
        purge_id = str(row.id)
        sent = {"purge": purge_id, "version": row.version, "verdict": "confirm", "rows": "4"}
    assert admin.submit(f"{PAGE}/verdict", sent, page=PAGE).status_code == 422
    assert admin.submit(f"{PAGE}/verdict", {**sent, "rows": "3"}, page=PAGE).status_code == 303
    perform(app)
    with bound(alpha):
        assert db.session.scalars(sa.select(RetentionPurge.state)).one() is PurgeState.PERFORMED
    assert admin.get(f"{PAGE}/certificate?purge={purge_id}").json["algorithm"] == "Ed25519"
    assert admin.get(f"{PAGE}/certificate?purge=x").status_code == 404
    assert (
        admin.submit(f"{PAGE}/months", {"rule": "records.general", "version": 1, "months": 1}, page=PAGE).status_code
        == 422
    )
    assert sign_in_staff(alpha, "doctor").get(PAGE).status_code == 403
