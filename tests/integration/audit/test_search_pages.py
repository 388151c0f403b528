"""The logs on pages: found by every condition, paged without counting, exported, and their readers in the log."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.db import db
from app.core.formats.tables import escape_cell
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.audit.operations import record_access, record_change
from app.domain.audit.searching import Wanted, Which, find_conditions, list_actions, select_rows
from tests import factories
from tests.support.platform import Platform
from tests.support.queries import count_queries

Bind = Callable[[str], Any]
URL = "/h/alpha/hospital/audit"


@pytest.fixture
def logged(alpha: str, bound: Bind) -> dict[str, Any]:
    """Two people who did something with two patients."""
    with bound(alpha):
        first, second = factories.make_patient(), factories.make_patient()
        lan = factories.make_staff("nurse", full_name="Lê Thị Lan")
        minh = factories.make_staff("doctor", full_name="Phạm Văn Minh")
        facts = {"first": first.id, "second": second.id, "code": first.code, "lan": lan.username}
        nurse = Actor(ActorKind.STAFF, lan.id, lan.full_name, address="10.0.0.1", request_id="req-lan")
        doctor = Actor(
            ActorKind.STAFF, minh.id, minh.full_name, address="10.0.0.2", request_id="req-minh", basis=Basis.EMERGENCY
        )
        record_change(
            nurse, "patient.update", subject_type="patient", subject_id=first.id, patient_id=first.id,
            changes={"fields": ["phone", "=1+1"]},
        )  # fmt: skip
        record_change(doctor, "record.sign", subject_type="medical_record", subject_id=new_id(), patient_id=second.id)
        record_access(nurse, "patient.view", subject_type="patient", subject_id=first.id, patient_ids=[first.id])
        record_access(
            doctor, "worklist.view", subject_type="worklist", subject_id=None, patient_ids=[first.id, second.id]
        )
    return facts


@pytest.mark.parametrize(
    ("asked", "shown", "hidden"),
    [
        ("log=changes&person=lan", ["Lê Thị Lan"], ["Phạm Văn Minh"]),
        ("log=changes&patient={code}", ["Lê Thị Lan"], ["Phạm Văn Minh"]),
        ("log=changes&patient={second}", ["Phạm Văn Minh"], ["Lê Thị Lan"]),
        ("log=changes&action=record.sign", ["Phạm Văn Minh"], ["Lê Thị Lan"]),
        ("log=looks&basis=emergency", ["Phạm Văn Minh"], ["Lê Thị Lan"]),
        ("log=looks&patient={second}", ["Phạm Văn Minh"], ["Lê Thị Lan"]),
        ("log=looks&patient={code}", ["Phạm Văn Minh", "Lê Thị Lan"], []),
        ("log=looks&address=10.0.0.1", ["Lê Thị Lan"], ["Phạm Văn Minh"]),
        ("log=changes&request_id=req-minh", ["Phạm Văn Minh"], ["Lê Thị Lan"]),
        ("log=looks&since=01/01/2020&until=02/01/2020", [], ["Lê Thị Lan", "Phạm Văn Minh"]),
        ("log=looks&person=khong-co-ai", [], ["Lê Thị Lan", "Phạm Văn Minh"]),
        ("log=looks&patient=%27;drop", [], ["Lê Thị Lan", "Phạm Văn Minh"]),
    ],
)
def test_entries_are_found_by_every_condition(
    logged: dict[str, Any], sign_in_staff: Any, asked: str, shown: list[str], hidden: list[str]
) -> None:
    page = sign_in_staff("alpha", "administrator").get(f"{URL}?{asked.format(**logged)}")
    assert page.status_code == 200, page.text
    assert [name for name in shown if name not in page.text] == []
    assert [name for name in hidden if name in page.text] == []


def test_reading_the_logs_stands_in_them_and_costs_a_fixed_number_of_queries(
    logged: dict[str, Any], sign_in_staff: Any, bound: Bind
) -> None:
    browser = sign_in_staff("alpha", "administrator")
    browser.get(URL)
    with count_queries() as statements:
        browser.get(f"{URL}?log=looks&patient={logged['code']}")
    assert len(statements) <= 10, statements
    with bound("alpha"), unit_of_work() as session:
        entries = session.scalars(sa.select(AccessEntry).where(AccessEntry.action == "audit.search")).all()
        assert {entry.actor_id for entry in entries} == {browser.person["id"]}
        assert any(logged["first"] in entry.patient_ids for entry in entries), "whom the page named"


def test_wrong_days_are_explained_and_kept(logged: dict[str, Any], sign_in_staff: Any) -> None:
    browser = sign_in_staff("alpha", "administrator")
    wrong = browser.get(f"{URL}?since=32/13/2026&person=lan")
    assert wrong.status_code == 422
    assert 'value="32/13/2026"' in wrong.text
    assert 'value="lan"' in wrong.text
    assert browser.get(f"{URL}?since=02/01/2026&until=01/01/2026").status_code == 422
    assert browser.get(f"{URL}?after=nonsense,x&log=what").status_code == 200


def test_years_that_are_too_few_are_explained_and_kept(alpha: str, sign_in_staff: Any) -> None:
    browser = sign_in_staff("alpha", "administrator")
    for wrong in ("9", "", "abc", "1e9"):
        answer = _keep(browser, wrong)
        assert answer.status_code == 422, wrong
        assert f'name="years" value="{wrong}"' in answer.text
    assert _keep(browser, "10").status_code == 303


def test_others_than_administrators_are_refused(logged: dict[str, Any], sign_in_staff: Any) -> None:
    browser = sign_in_staff("alpha", "doctor")
    assert browser.get(URL).status_code == 403
    assert browser.post(f"{URL}/export", data={}).status_code in (400, 403)


def test_pages_go_on_without_losing_or_repeating_a_row(alpha: str, bound: Bind, sign_in_staff: Any) -> None:
    at = clock.now()
    actor = Actor(ActorKind.SYSTEM, None, "việc tự động")
    with clock.frozen_at(at), bound(alpha):  # the same microsecond: only the id tells them apart
        for _ in range(120):
            record_change(actor, "test.row", subject_type="test", subject_id=new_id())
    seen: list[Any] = []
    with bound(alpha):
        wanted = Wanted(Which.CHANGES, at - timedelta(days=1), at + timedelta(days=1), action="test.row")
        while True:
            rows = db.session.execute(select_rows(wanted, find_conditions(wanted) or []).limit(50)).all()
            if not rows:
                break
            seen += [row.id for row in rows]
            wanted = Wanted(
                wanted.which, wanted.since, wanted.until, action="test.row", after=(rows[-1].at, rows[-1].id)
            )
        assert list_actions(Which.CHANGES) == ["test.row"]
    assert len(seen) == len(set(seen)) == 120
    browser = sign_in_staff("alpha", "administrator")
    page = browser.get(f"{URL}?action=test.row").text
    following = page.split('href="/h/alpha/hospital/audit?')[-1]
    assert "after=" in page
    assert following


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_exports_are_complete_escaped_and_written_down(
    logged: dict[str, Any], sign_in_staff: Any, bound: Bind, form: str
) -> None:
    browser = sign_in_staff("alpha", "administrator")
    answer = _post(browser, form)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    if form == "jsonl":
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert {"fields": ["phone", "=1+1"]} in [row["changes"] for row in rows]
    else:
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {"patient.update", "record.sign"} <= {row["action"] for row in rows}
    with bound("alpha"), unit_of_work() as session:
        entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "audit.export")).one()
        assert (entry.actor_id, entry.changes["form"]) == (browser.person["id"], form)


def _post(browser: Any, form: str) -> Any:
    return browser.post(f"{URL}/export", data={"csrf_token": _token(browser), "log": "changes", "form": form})


def _keep(browser: Any, years: str) -> Any:
    return browser.post(f"{URL}/retention", data={"csrf_token": _token(browser), "years": years})


def _token(browser: Any) -> str:
    text: str = browser.get(URL).text
    return text.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert escape_cell(text).startswith("'")
    assert escape_cell("Nguyễn An") == "Nguyễn An"


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ({}, "at"),
        ({"action": "patient.view"}, "action"),
        ({"address": "10.0.0.1"}, "address"),
        ({"request_id": "r-77"}, "request_id"),
        ({"patient": "0193f3c2-7e1a-7a10-9d8e-4a7a7b1f0c55"}, "patient_id"),
    ],
)
@pytest.mark.parametrize("which", list(Which))
def test_every_search_has_an_index(
    app: Flask, alpha: str, platform: Platform, bound: Bind, which: Which, condition: dict[str, str], index: str
) -> None:
    table = "audit_log" if which is Which.CHANGES else "access_log"
    own = "patient_id, changes" if which is Which.CHANGES else "patient_ids"
    values = "gen_random_uuid(), '{}'::jsonb" if which is Which.CHANGES else "ARRAY[gen_random_uuid()]"
    now = clock.now().replace(day=15, hour=12)  # all of it is of one month
    with platform.admin(alpha) as connection:
        connection.execute(
            f"INSERT INTO {table}"
            f" (id, at, actor_kind, actor_id, actor_name, action, subject_type, address, request_id, {own})"
            f" SELECT gen_random_uuid(), '{now}'::timestamptz - make_interval(secs => n), 'staff', gen_random_uuid(),"
            " 'x',"
            f" 'act.' || n % 50, 'y', '10.0.' || n % 200 || '.1', 'r-' || n, {values} FROM generate_series(1, 20000) n"
        )
        connection.execute(f"ANALYZE {table}")
    with bound(alpha):
        wanted = Wanted(which, now - timedelta(days=30), now + timedelta(days=1), **condition, after=(now, new_id()))
        query = select_rows(wanted, find_conditions(wanted) or []).limit(51)
        text = str(query.compile(db.session.get_bind(AuditEntry), compile_kwargs={"literal_binds": True}))
        text = re.sub(r"@> ARRAY\[(.*?)\]", r"@> ARRAY[\1]::uuid[]", text)
        plan = "\n".join(
            db.session.execute(sa.text(f"EXPLAIN {text}"), bind_arguments={"mapper": AuditEntry}).scalars()
        )
    month = f"{table}_{now:%Y_%m}"
    assert f"Seq Scan on {month}" not in plan, plan
    assert f"{month}_{index}" in plan, plan
