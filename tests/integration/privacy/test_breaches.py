"""The register of breaches: its clock, whom it affects by the access log, letters, and what cannot be changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.domain.messages.models import OutboundMessage
from app.domain.patients.models import Patient
from app.domain.privacy.affected import add_by_codes, add_from_log, count_affected, queue_letters
from app.domain.privacy.breaches import (
    BreachClosed,
    BreachFacts,
    add_note,
    change_breach,
    close_breach,
    mark_notified,
    register_breach,
)
from app.domain.privacy.models import Breach, BreachEntry, BreachState
from app.domain.security.models import HospitalSecurityEvent
from tests import factories
from tests.support.platform import ACTOR, Platform
from tests.support.queries import count_queries

Bind = Callable[[str], Any]
PAGES = "/h/alpha/hospital/breaches"


def facts() -> BreachFacts:
    return BreachFacts("Mất máy tính xách tay", "Mất ở bãi xe", ("identity", "health"), "", "", clock.now())


@pytest.fixture
def breach(bound: Bind, alpha: str) -> Any:
    with bound(alpha):
        return register_breach(ACTOR, facts()).id


def test_the_clock_runs_72_hours_from_the_discovery(bound: Bind, alpha: str, breach: Any) -> None:
    with bound(alpha):
        row = db.session.get_one(Breach, breach)
        assert row.notify_by - row.discovered_at == timedelta(hours=72)
        earlier = replace(facts(), discovered_at=row.discovered_at - timedelta(hours=5))
        change_breach(ACTOR, breach, row.version, earlier)
        assert row.notify_by - row.discovered_at == timedelta(hours=72)
        kinds = db.session.scalars(sa.select(HospitalSecurityEvent.kind)).all()
        assert kinds.count("breach.register") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"what": ""},
        {"categories": ()},
        {"categories": ("secrets",)},
        {"discovered_at": clock.now() + timedelta(days=1)},
        {"occurred_at": clock.now() + timedelta(days=1)},
    ],
)
def test_what_makes_no_sense_is_refused(bound: Bind, alpha: str, wrong: dict[str, Any]) -> None:
    with bound(alpha), pytest.raises(InvalidValue):
        register_breach(ACTOR, replace(facts(), **wrong))


def test_a_breach_is_notified_closed_and_then_only_noted(bound: Bind, alpha: str, breach: Any) -> None:
    with bound(alpha):
        row = db.session.get_one(Breach, breach)
        mark_notified(ACTOR, breach, row.version)
        with pytest.raises(StaleVersion):
            close_breach(ACTOR, breach, row.version - 1)
        close_breach(ACTOR, breach, row.version)
        assert row.state is BreachState.CLOSED
        for act in (close_breach, mark_notified):
            with pytest.raises(BreachClosed):
                act(ACTOR, breach, row.version)
        add_note(ACTOR, breach, "Thư trả lời của cơ quan")
        history = [entry.kind.value for entry in db.session.scalars(sa.select(BreachEntry).order_by(BreachEntry.id))]
        assert history == ["registered", "notified", "closed", "note"]


def test_the_history_only_grows(bound: Bind, alpha: str, breach: Any, platform: Platform) -> None:
    with platform.admin(alpha) as connection:
        for statement in ("UPDATE breach_entries SET note = 'x'", "DELETE FROM breach_entries"):
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(statement)


def test_those_whom_somebody_saw_in_a_period_are_found_by_the_access_log(
    bound: Bind, alpha: str, breach: Any, platform: Platform
) -> None:
    with bound(alpha):
        nosy, other = factories.make_staff("nurse"), factories.make_staff("nurse")
        username, nosy_id, other_id = nosy.username, nosy.id, other.id
        seen, too_early, of_other = (factories.make_patient().id for _ in range(3))
    with platform.admin(alpha) as connection:
        for actor, patient, hours in ((nosy_id, seen, 1), (nosy_id, too_early, 30), (other_id, of_other, 1)):
            connection.execute(
                "INSERT INTO access_log (id, at, actor_kind, actor_id, actor_name, action, subject_type, patient_ids)"
                " VALUES (gen_random_uuid(), now() - make_interval(hours => %s), 'staff', %s, 'x', 'patient.view',"
                " 'patient', ARRAY[%s]::uuid[])",
                (hours, actor, patient),
            )
    now = clock.now()
    with bound(alpha):
        period = {"since": now - timedelta(hours=5), "until": now}
        assert add_from_log(ACTOR, breach, **period, username=username) == 1
        assert add_from_log(ACTOR, breach, **period, username=username) == 0
        assert count_affected(breach)["all"] == 1
        for wrong in (
            {**period, "username": "nobody"},
            period,
            {"since": now, "until": now - timedelta(hours=1), "username": username},
        ):
            with pytest.raises(InvalidValue):
                add_from_log(ACTOR, breach, **wrong)


def test_patients_are_added_by_code_and_unknown_codes_are_named(bound: Bind, alpha: str, breach: Any) -> None:
    with bound(alpha):
        code = factories.make_patient().code
        added, unknown = add_by_codes(ACTOR, breach, f"ma;ten\n{code.lower()};x\nBN-999999;y\n{code}")
        assert (added, unknown) == (1, ["BN-999999"])
        with pytest.raises(InvalidValue):
            add_by_codes(ACTOR, breach, "=cmd|' /C calc'!A0")


def test_letters_go_once_and_say_nothing_clinical(bound: Bind, alpha: str, breach: Any) -> None:
    with bound(alpha):
        reached = factories.make_patient(email="ba@example.vn", full_name="Trần Thị Thư")
        unreached = factories.make_patient(email=None)
        add_by_codes(ACTOR, breach, f"{reached.code} {unreached.code}")
    with bound(alpha):
        assert queue_letters(ACTOR, breach) == 2
        assert queue_letters(ACTOR, breach) == 0
        letter = db.session.scalars(sa.select(OutboundMessage)).one()
        assert "Trần Thị Thư" in letter.body
        assert "dữ liệu sức khỏe" in letter.body
        assert "Mất máy tính" not in letter.subject + letter.body
        assert count_affected(breach) == {"all": 2, "written": 2, "paper": 1}


def test_ten_thousand_are_affected_and_a_page_shows_fifty(
    bound: Bind, alpha: str, breach: Any, platform: Platform, sign_in_staff: Any
) -> None:
    admin = sign_in_staff(alpha, "administrator")
    with platform.admin(alpha) as connection:
        connection.execute(
            "INSERT INTO patients (id, full_name, born_on, sex)"
            " SELECT gen_random_uuid(), 'P' || n, '1980-01-01', 'male' FROM generate_series(1, 10000) n"
        )
    with bound(alpha):
        codes = "\n".join(db.session.scalars(sa.select(Patient.code)))
        assert add_by_codes(ACTOR, breach, codes)[0] == 10_000
    with count_queries() as queries:
        page = admin.get(f"{PAGES}/{breach}")
    assert page.status_code == 200
    assert page.text.count("BN-") < 120
    assert len(queries) <= 14


def test_the_register_is_kept_on_pages(sign_in_staff: Any, bound: Bind, alpha: str) -> None:
    admin = sign_in_staff(alpha, "administrator")
    sent = {"title": "Gửi nhầm thư", "what": "Gửi nhầm người", "discovered_at": "31/02/2026", "categories": ["contact"]}
    wrong = admin.submit(f"{PAGES}/new", sent)
    assert wrong.status_code == 422
    assert "Gửi nhầm người" in wrong.text
    made = admin.submit(f"{PAGES}/new", {**sent, "discovered_at": "01/02/2026 08:30"})
    assert made.status_code == 303
    page = made.headers["Location"]
    assert "danger" in admin.get(page).text, "its 72 hours are over"
    with bound(alpha):
        code = factories.make_patient().code
    upload = {"codes": "", "file": (io.BytesIO(f"code\n{code}".encode()), "list.csv")}
    assert admin.submit(f"{page}/affected/codes", upload, page=page).status_code == 303
    assert code in admin.get(page).text
    log = {"username": "nobody", "since": "01/01/2026 00:00", "until": "02/01/2026"}
    assert admin.submit(f"{page}/affected/log", log, page=page).status_code == 422
    assert admin.submit(f"{page}/notes", {"note": ""}, page=page).status_code == 422
    assert admin.submit(f"{page}/notes", {"note": "Đã gọi điện"}, page=page).status_code == 303
    assert admin.submit(f"{page}/letters", {}, page=page).status_code == 303
    assert admin.get(f"{page}/notice").status_code == 200
    assert admin.get(f"{page}/edit").status_code == 200
    with bound(alpha):
        version = db.session.scalars(sa.select(Breach.version)).one()
    assert admin.submit(f"{page}/notification", {"version": version}, page=page).status_code == 303
    assert admin.submit(f"{page}/closing", {"version": version + 1}, page=page).status_code == 303
    assert admin.get(PAGES).status_code == 200
    for role in ("doctor", "nurse", "receptionist"):
        assert sign_in_staff(alpha, role).get(page).status_code == 403
