"""Operators upgrade the fleet from its page: the form, the run while it goes on, quarantine, a hospital's schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Operation, OperatorRole
from app.tenancy.queries import get_hospital
from app.tenancy.upgrading.errors import SomeNotMigrated
from app.tenancy.upgrading.single import request_migration
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import IN_THE_WAY, NEW, OLD, REASON

SignIn = Callable[..., CheckingClient]
PAGE = "/admin/fleet/migrations"
FACTS = {
    "to": NEW, "canary": "", "canary_count": "1", "waves": "50%", "budget": "1", "parallel": "2",
    "lock_milliseconds": "500", "statement_minutes": "10", "only": "", "leave_out": "",
}  # fmt: skip


@pytest.fixture
def behind(platform: Platform, app: Flask) -> tuple[str, ...]:
    """Two hospitals that are a revision behind, beside two that are not."""
    for code in ("gamma", "delta"):
        platform.create_hospital(code)
        with app.app_context():
            with unit_of_work():
                wanted = request_migration(ACTOR, get_hospital(code), OLD, wake=False).id
            perform(wanted)
    return ("gamma", "delta")


def newest(app: Flask, kind: str) -> Any:
    with app.app_context(), unit_of_work() as session:
        query = sa.select(Operation.id).where(Operation.kind == kind).order_by(Operation.id.desc())
        return session.scalars(query.limit(1)).one()


def test_the_fleet_is_upgraded_from_its_page(app: Flask, behind: tuple[str, ...], sign_in_operator: SignIn) -> None:
    operator = sign_in_operator()
    page = operator.get(PAGE).get_data(as_text=True)
    assert OLD in page
    assert NEW in page
    asked = operator.submit(PAGE, FACTS | {"canary": "delta"})
    assert asked.status_code == 303, asked.get_data(as_text=True)
    wanted = newest(app, "fleet.migrate")
    address = f"{PAGE}/{wanted}"
    assert asked.headers["Location"].endswith(address)
    assert 'http-equiv="refresh"' in operator.get(address).get_data(as_text=True), "it is followed without JavaScript"
    assert operator.get(f"{address}/progress", headers={"HX-Request": "true"}).status_code == 200
    assert operator.submit(PAGE, FACTS).status_code == 409, "one at a time"
    with app.app_context():
        assert perform(wanted)["migrated"] == 2
    shown = operator.get(address).get_data(as_text=True)
    assert "Bệnh viện Gamma" in shown
    assert "Bệnh viện Delta" in shown
    assert 'http-equiv="refresh"' not in shown
    done = operator.get(f"{address}/progress", headers={"HX-Request": "true"})
    assert (done.status_code, done.headers.get("HX-Refresh")) == (204, "true")
    assert OLD not in operator.get(PAGE).get_data(as_text=True).split("Bệnh viện")[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("waves", "many"), ("budget", ""), ("budget", "-1"), ("parallel", "0"), ("parallel", "99"), ("canary", "alpha"),
     ("to", "h999"), ("canary_count", "x"), ("lock_milliseconds", "0")],
)  # fmt: skip
def test_what_makes_no_sense_is_said_at_its_field(
    app: Flask, behind: tuple[str, ...], sign_in_operator: SignIn, field: str, value: str
) -> None:
    response = sign_in_operator().submit(PAGE, FACTS | {field: value})
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.get_data(as_text=True)
    with app.app_context(), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Operation.kind == "fleet.migrate")) == 0


def test_who_may_only_look_may_not_upgrade(behind: tuple[str, ...], sign_in_operator: SignIn) -> None:
    viewer = sign_in_operator(OperatorRole.SUPPORT, username="support")
    assert viewer.get(PAGE).status_code == 200
    assert 'name="canary"' not in viewer.get(PAGE).get_data(as_text=True)
    assert viewer.submit(PAGE, FACTS, page="/admin/hospitals").status_code == 403
    assert viewer.submit("/admin/hospitals/gamma/schema", {"to": NEW}, page="/admin/hospitals").status_code == 403


def test_one_in_quarantine_is_shown_with_the_reason_and_let_out(
    app: Flask, platform: Platform, behind: tuple[str, ...], sign_in_operator: SignIn
) -> None:
    with platform.admin("gamma") as connection:
        connection.execute(IN_THE_WAY)
    operator = sign_in_operator()
    operator.submit(PAGE, FACTS | {"canary": "delta"})
    wanted = newest(app, "fleet.migrate")
    with app.app_context(), pytest.raises(SomeNotMigrated):
        perform(wanted)
    reason = REASON.replace('"', "&#34;")
    assert reason in operator.get(f"{PAGE}/{wanted}").get_data(as_text=True)
    assert reason in operator.get(PAGE).get_data(as_text=True)
    assert reason in operator.get("/admin/hospitals/gamma/schema").get_data(as_text=True)
    assert operator.submit("/admin/hospitals/gamma/quarantine/clear", page=PAGE).status_code == 303
    assert 'id="quarantine"' not in operator.get(PAGE).get_data(as_text=True)


def test_one_hospital_is_migrated_or_rehearsed_from_its_schema(
    app: Flask, behind: tuple[str, ...], sign_in_operator: SignIn
) -> None:
    operator = sign_in_operator()
    page = "/admin/hospitals/gamma/schema"
    assert operator.submit(page, {"to": "h999"}).status_code == 422
    assert operator.submit(page, {"to": NEW, "rehearse": "1"}).status_code == 303
    assert newest(app, "hospital.migration_rehearsal")
    assert operator.submit(page, {"to": NEW}).status_code == 303
    with app.app_context():
        perform(newest(app, "hospital.migrate"))
    assert f"{OLD} → {NEW}" in operator.get(page).get_data(as_text=True)


def test_what_is_not_there_is_not_found(sign_in_operator: SignIn) -> None:
    operator = sign_in_operator()
    assert operator.get(f"{PAGE}/01900000-0000-7000-8000-000000000001").status_code == 404
    assert operator.get("/admin/hospitals/nowhere/schema").status_code == 404
