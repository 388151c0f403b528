"""The pages about credentials, isolation, keys and health: what they show, and what they ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.health import check_all
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import IsolationCheck, Operation, OperatorRole, UptimeDay
from app.tenancy.models.keeping import CheckState
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

SignIn = Callable[..., CheckingClient]
OPERATORS = frozenset({OperatorRole.SUPER_ADMIN, OperatorRole.TECHNICIAN})
PAGES = [
    ("/admin/fleet/health", frozenset(OperatorRole)),
    ("/admin/fleet/health?days=90", frozenset(OperatorRole)),
    ("/admin/hospitals/alpha/health", frozenset(OperatorRole)),
    ("/admin/hospitals/alpha/credentials", OPERATORS),
    ("/admin/fleet/isolation", OPERATORS),
    ("/admin/fleet/keys", OPERATORS),
]
WORK = [
    ("/admin/hospitals/alpha/credentials/rotate", "hospital.rotate_credentials"),
    ("/admin/fleet/credentials/rotate", "fleet.rotate_credentials"),
    ("/admin/fleet/isolation", "fleet.check_isolation"),
    ("/admin/fleet/keys/count", "platform.count_keys"),
    ("/admin/fleet/keys/rekey", "platform.rekey"),
]


@pytest.mark.parametrize("role", list(OperatorRole))
@pytest.mark.parametrize(("url", "allowed"), PAGES)
def test_a_page_opens_for_who_may_see_it_and_for_nobody_else(
    sign_in_operator: SignIn, alpha: str, role: OperatorRole, url: str, allowed: frozenset[OperatorRole]
) -> None:
    assert sign_in_operator(role).get(url).status_code == (200 if role in allowed else 403)


@pytest.mark.parametrize(("url", "kind"), WORK)
def test_work_is_asked_for_and_stands_in_the_ledger(
    app: Flask, sign_in_operator: SignIn, alpha: str, url: str, kind: str
) -> None:
    refused = sign_in_operator(OperatorRole.SUPPORT, "support")
    assert refused.submit(url, page="/admin/hospitals").status_code == 403
    response = sign_in_operator().submit(url, page="/admin/fleet/isolation")
    assert response.status_code == 303
    with app.app_context(), unit_of_work() as session:
        wanted = session.scalars(sa.select(Operation)).one()
        assert (wanted.kind, wanted.requested_by_name) == (kind, "Vận hành Thử")
        assert response.headers["Location"].endswith(str(wanted.id))


def test_credentials_that_were_replaced_are_listed(app: Flask, sign_in_operator: SignIn, alpha: str) -> None:
    with app.app_context():
        before = tenancy().registry.get_by_code(alpha).whereabouts
        with unit_of_work():
            from app.tenancy.queries import get_hospital

            wanted = request_operation(
                ACTOR, "hospital.rotate_credentials", hospital=get_hospital(alpha), wake=False
            ).id
        perform(wanted)
        after = tenancy().registry.get_by_code(alpha).whereabouts
    assert before is not None
    assert after is not None
    page = sign_in_operator().get("/admin/hospitals/alpha/credentials").get_data(as_text=True)
    assert before.role in page
    assert after.role in page
    assert before.password not in page
    assert after.password not in page


def test_holes_are_named_in_the_readers_language(app: Flask, sign_in_operator: SignIn) -> None:
    finding = {"kind": "connect", "server": "main", "subject": "alpha", "object": "beta"}
    with app.app_context(), unit_of_work() as session:
        session.add(IsolationCheck(state=CheckState.FAILED, findings={"count": 1, "findings": [finding]}))
    page = sign_in_operator().get("/admin/fleet/isolation").get_data(as_text=True)
    assert "“beta”" in page
    assert "alpha" in page
    assert "may connect" not in page, "operators read Vietnamese first"


def test_days_are_bars_with_a_table_behind(app: Flask, sign_in_operator: SignIn, alpha: str) -> None:
    with clock.frozen_at(clock.now()):
        today = clock.now().astimezone(UTC).date()
        with app.app_context():
            hospital_id = tenancy().registry.get_by_code(alpha).id
            with unit_of_work() as session:
                for number in range(40):
                    down = 144 if number == 3 else 1 if number == 5 else 0
                    session.add(
                        UptimeDay(
                            id=new_id(), hospital_id=hospital_id, service="database",
                            day=today - timedelta(days=number),
                            checks=1440, up=1440 - down, degraded=0, down=down, mean_ms=8, p95_ms=20 + number,
                            longest_ms=900, size_bytes=5_000_000_000,
                        )
                    )  # fmt: skip
            check_all()
        browser = sign_in_operator()
        fleet = browser.get("/admin/fleet/health").get_data(as_text=True)
        bars = re.findall(r"uptime__day--(\w+)", fleet.split("alpha", 1)[1].split("</tr>", 1)[0])
        assert len(bars) == 30
        assert (bars.count("danger"), bars.count("success")) == (1, 29)
        whole = browser.get("/admin/hospitals/alpha/health?days=90").get_data(as_text=True)
        assert len(re.findall(r"uptime__day--none", whole)) == 50
        assert len(re.findall(r"uptime__day--", whole)) == 90
        assert whole.count("1.440") == 40, "every day that is known stands in the table"
        assert "uptime__line" in whole


def test_a_longer_fleet_costs_no_more_queries(app: Flask, sign_in_operator: SignIn, register: Any) -> None:
    browser = sign_in_operator()
    browser.get("/admin/fleet/health")
    with count_queries() as few:
        browser.get("/admin/fleet/health")
    for number in range(8):
        register(f"hospital-{number}")
    with count_queries() as many:
        browser.get("/admin/fleet/health")
    assert len(many) == len(few)


def test_a_part_is_never_rounded_up_to_all(app: Flask) -> None:
    from app.admin.health import percent
    from app.tenancy.health.history import Day

    class Row:
        checks, up, degraded, down = 100_000, 99_999, 0, 1

    assert percent(Day(datetime.now(UTC).date(), Row()).uptime) == "99,99\u00a0%"
    assert (percent(1.0), percent(None)) == ("100\u00a0%", "—")
