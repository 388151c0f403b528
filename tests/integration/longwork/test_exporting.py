"""Exports carry what the asker's roles open, nothing that a spreadsheet calculates, and everybody in them is logged."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor
from app.core.blobs import file_store
from app.core.db import db
from app.core.errors import Forbidden
from app.core.unit_of_work import unit_of_work
from app.domain.access.models import RoleFieldRule
from app.domain.audit.models import AccessEntry
from app.domain.files.models import File
from app.domain.identity.acting import find_acting_staff
from app.domain.identity.models import Role, StaffRole
from app.domain.longwork import exports
from app.domain.longwork.errors import AskerGone, NotYours, ResultGone, WorkCancelled
from app.domain.longwork.exports import APPOINTMENTS, PATIENTS, check_period
from app.domain.longwork.keeping import end_old_work
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkFile, LongWorkState
from app.domain.longwork.performing import Heard
from app.domain.longwork.queries import fetch_file
from app.domain.longwork.requests import cancel_work, request_work
from app.domain.longwork.requeueing import MESSAGES, count_failed, requeue_arguments
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.patients.models import Confidentiality
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.binding import bind_hospital, bound_hospital
from tests import factories
from tests.integration.longwork.tables import Bind, count, perform, read


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PART", 2)


def administrator(bound: Bind) -> Actor:
    with bound("alpha"):
        staff_id = factories.make_staff("administrator").id
        db.session.flush()
        actor = find_acting_staff(staff_id)
        assert actor is not None
        return actor


def ask(bound: Bind, actor: Actor, kind: str = PATIENTS, **arguments: Any) -> UUID:
    with bound("alpha"):
        return request_work(actor, kind, arguments={"form": "csv", **arguments}, wake=False).id


def fetch(bound: Bind, actor: Actor, work_id: UUID) -> str:
    with bound("alpha"):
        name, _media_type, size, content = fetch_file(actor, work_id, FilePurpose.RESULT)
        whole = b"".join(content)
        assert len(whole) == size
        assert name.startswith("alpha-")
        return whole.decode()


def lines(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def make_people(bound: Bind, number: int = 5) -> list[UUID]:
    with bound("alpha"):
        made = [factories.make_patient(full_name=f"Người {n}", phone="+84912345678") for n in range(number)]
        db.session.flush()
        return [one.id for one in made]


def test_an_export_has_everybody_once_with_headers_and_each_is_in_the_access_log(
    app: Flask, alpha: str, bound: Bind
) -> None:
    actor, ids = administrator(bound), make_people(bound)
    with bound(alpha):
        secret = factories.make_patient(full_name="Người Kín", confidentiality=Confidentiality.RESTRICTED).id
        factories.make_patient(full_name="=HYPERLINK(1)")
    work_id = ask(bound, actor)
    assert perform(app, work_id) == {"patients": 6, "left_out": 1}
    rows = lines(fetch(bound, actor, work_id))
    assert [row["Họ và tên"] for row in rows] == [*(f"Người {n}" for n in range(5)), "'=HYPERLINK(1)"]
    assert rows[0]["Điện thoại"] == "0912 345 678"
    with bound(alpha):
        entries = db.session.scalars(sa.select(AccessEntry).where(AccessEntry.action == PATIENTS)).all()
        seen = [one for entry in entries for one in entry.patient_ids]
        assert (len(entries), len(seen), len(set(seen))) == (3, 6, 6)
        assert set(ids) < set(seen)
        assert secret not in seen
        assert {entry.actor_id for entry in entries} == {actor.id}
    assert count(app, HospitalSecurityEvent.kind == "export.many", of=HospitalSecurityEvent) == 1


def test_columns_that_the_role_hides_are_not_in_the_file(app: Flask, alpha: str, bound: Bind) -> None:
    make_people(bound)
    with bound(alpha):
        role_actor = administrator_with_closed(bound)
    work_id = ask(bound, role_actor, form="jsonl")
    perform(app, work_id)
    rows = [json.loads(line) for line in fetch(bound, role_actor, work_id).splitlines()]
    assert len(rows) == 5
    assert "phone" not in rows[0]
    assert rows[0]["full_name"] == "Người 0"


def administrator_with_closed(bound: Bind) -> Actor:
    """Make an administrator whose role hides telephones."""
    staff_id = factories.make_staff("administrator").id
    db.session.flush()
    role_id = db.session.scalars(sa.select(Role.id).where(Role.code == "administrator")).one()
    hidden = sa.update(RoleFieldRule).where(RoleFieldRule.role_id == role_id, RoleFieldRule.field == "patient.phone")
    db.session.execute(hidden.values(access="hidden"))
    actor = find_acting_staff(staff_id)
    assert actor is not None
    return actor


def test_an_export_that_dies_between_parts_goes_on_and_nobody_is_in_it_twice(
    app: Flask, alpha: str, bound: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, _ids = administrator(bound), make_people(bound)
    work_id = ask(bound, actor)
    honest, made = exports._write_part, []

    def dying(*args: Any) -> None:
        honest(*args)
        made.append(args)
        if len(made) == 2:
            raise SystemExit  # the part is kept, and its batch is not

    monkeypatch.setattr(exports, "_write_part", dying)
    with pytest.raises(SystemExit):
        perform(app, work_id)
    assert count(app, of=LongWorkFile) == 2
    assert perform(app, work_id)["patients"] == 5
    assert len(lines(fetch(bound, actor, work_id))) == 5
    assert count(app, AccessEntry.action == PATIENTS, of=AccessEntry) == 3


def test_a_cancelled_export_leaves_no_file(app: Flask, alpha: str, bound: Bind) -> None:
    actor, _ids = administrator(bound), make_people(bound)
    work_id = ask(bound, actor)

    def cancel(heard: Heard) -> None:
        if heard.done == 2:
            with unit_of_work():
                cancel_work(actor, work_id)

    with pytest.raises(WorkCancelled):
        perform(app, work_id, cancel)
    with app.app_context(), bind_hospital(alpha):
        assert list(file_store().list(bound_hospital().id)) == []
    assert count(app, File.deleted_at.is_(None), of=File) == 0
    with pytest.raises(ResultGone):
        fetch(bound, actor, work_id)


def test_a_file_is_fetched_by_who_asked_or_may_and_is_gone_after_its_time(app: Flask, alpha: str, bound: Bind) -> None:
    actor, _ids = administrator(bound), make_people(bound, 1)
    work_id = ask(bound, actor)
    perform(app, work_id)
    with bound(alpha):
        desk = find_acting_staff(factories.make_staff("receptionist").id)
    assert desk is not None
    with pytest.raises(NotYours):
        fetch(bound, desk, work_id)
    with pytest.raises(Forbidden), bound(alpha):
        request_work(desk, PATIENTS, arguments={"form": "csv"})
    assert fetch(bound, administrator(bound), work_id)
    with bound(alpha):
        db.session.get_one(LongWork, work_id).expires_at = clock.now() - timedelta(hours=1)
    with app.app_context(), bind_hospital(alpha):
        assert end_old_work() == 1
        assert list(file_store().list(bound_hospital().id)) == []
    with pytest.raises(ResultGone):
        fetch(bound, actor, work_id)


def test_who_lost_the_permission_meanwhile_gets_nothing(app: Flask, alpha: str, bound: Bind) -> None:
    actor, _ids = administrator(bound), make_people(bound, 1)
    work_id = ask(bound, actor)
    with bound(alpha):
        db.session.execute(sa.delete(StaffRole).where(StaffRole.staff_id == actor.id))
    with pytest.raises(AskerGone):
        perform(app, work_id)
    assert read(app, work_id).state is LongWorkState.FAILED
    assert count(app, of=LongWorkFile) == 0


def test_visits_of_a_period_are_exported_in_the_order_of_time(app: Flask, alpha: str, bound: Bind) -> None:
    actor = administrator(bound)
    today = clock.today(ZoneInfo("Asia/Ho_Chi_Minh"))
    with bound(alpha):
        for day in (3, 1, 2, 9):
            factories.make_appointment(starts_at=clock.now() + timedelta(days=day))
    period = check_period(today, today + timedelta(days=4))
    work_id = ask(bound, actor, APPOINTMENTS, **period, form="jsonl")
    assert perform(app, work_id) == {"appointments": 3}
    rows = [json.loads(line) for line in fetch(bound, actor, work_id).splitlines()]
    assert len({row["code"] for row in rows}) == 3
    assert [row["starts_at"] for row in rows] == sorted(row["starts_at"] for row in rows)
    assert "reason" not in rows[0]  # the administrator's role hides it


def test_messages_that_failed_are_counted_and_queued_once_and_unknown_ones_are_left(
    app: Flask, alpha: str, bound: Bind
) -> None:
    actor = administrator(bound)
    today = clock.today(ZoneInfo("Asia/Ho_Chi_Minh"))
    with bound(alpha):
        for number, state in enumerate((MessageState.FAILED, MessageState.FAILED, MessageState.UNKNOWN)):
            db.session.add(
                OutboundMessage(
                    key=f"k{number}",
                    channel=Channel.EMAIL,
                    template="reminder",
                    locale="vi",
                    recipient="a@b.vn",
                    subject="s",
                    body="b",
                    state=state,
                    attempts=9,
                    created_at=clock.now(),
                )
            )
        assert count_failed(today, today) == 2
    with bound(alpha):
        work_id = request_work(actor, MESSAGES, arguments=requeue_arguments(today, today), wake=False).id
    assert perform(app, work_id) == {"queued": 2, "left": 0}
    assert count(app, OutboundMessage.state == MessageState.QUEUED, of=OutboundMessage) == 2
    assert count(app, OutboundMessage.state == MessageState.UNKNOWN, of=OutboundMessage) == 1
