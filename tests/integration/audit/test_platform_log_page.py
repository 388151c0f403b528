"""The platform's log for operators: searched, paged, exported, held against its seals, and read on record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.audit import record_platform_change
from app.tenancy.models import PlatformAuditEntry
from app.tenancy.sealing.hospitals import seal_platform, verify_platform
from tests.support.queries import count_queries


@pytest.fixture
def operator(app: Flask, sign_in_operator: Any) -> Any:
    browser = sign_in_operator()
    with app.app_context(), unit_of_work() as session:
        own = Actor(ActorKind.OPERATOR, browser.person["id"], "Vận hành Thử", request_id="req-own")
        other = Actor(ActorKind.SYSTEM, None, "=việc tự động", request_id="req-other")
        record_platform_change(session, own, "hospital.suspend", subject_type="hospital", subject_id=new_id())
        record_platform_change(session, other, "hospital.resume", subject_type="hospital", subject_id=new_id())
        with clock.frozen_at(clock.now() - timedelta(days=60)):
            record_platform_change(session, own, "hospital.import", subject_type="hospital", subject_id=new_id())
    return browser


@pytest.mark.parametrize(
    ("asked", "shown", "hidden"),
    [
        ("person=operator", "Vận hành Thử", "việc tự động"),
        ("action=hospital.resume", "việc tự động", "Vận hành Thử"),
        ("request_id=req-other", "việc tự động", "Vận hành Thử"),
        ("hospital=alpha", "", "việc tự động"),
    ],
)
def test_entries_are_found(operator: Any, asked: str, shown: str, hidden: str) -> None:
    page = operator.get(f"/admin/audit?{asked}")
    assert page.status_code == 200
    table = page.text.split("<tbody", 1)[-1].split("</tbody>", 1)[0] if "<tbody" in page.text else ""
    assert shown in table
    assert hidden not in table


def test_wrong_days_are_explained(operator: Any) -> None:
    assert operator.get("/admin/audit?since=99/99/2026").status_code == 422
    assert operator.get("/admin/audit?since=01/01/9999").status_code == 422
    assert operator.get("/admin/audit?hospital=nobody").status_code == 404
    assert operator.get("/admin/audit?after=x").status_code == 200


def test_reading_stands_in_the_log_and_costs_a_fixed_number_of_queries(operator: Any, app: Flask) -> None:
    operator.get("/admin/audit")
    with count_queries() as statements:
        operator.get("/admin/audit")
    assert len(statements) <= 9, statements
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry.actor_id).where(PlatformAuditEntry.action == "audit.search")
        assert set(session.scalars(query)) == {operator.person["id"]}


def test_the_page_says_how_the_log_stands_against_its_seals(operator: Any, app: Flask) -> None:
    with app.app_context():
        seal_platform()
        verify_platform()
    assert "notice--success" in operator.get("/admin/audit").text


def test_exports_are_escaped_and_written_down(operator: Any, app: Flask) -> None:
    page = operator.get("/admin/audit").text
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    answer = operator.post("/admin/audit/export", data={"csrf_token": token, "form": "csv"})
    assert answer.status_code == 200, answer.text
    assert "'=việc tự động" in answer.text
    assert "hospital.import" not in answer.text, "it is older than the period"
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry.risk).where(PlatformAuditEntry.action == "audit.export")
        assert list(session.scalars(query)) == ["medium"]
