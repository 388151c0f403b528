"""The pages of security, in both portals: who sees them, what they show, and what can be done there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.security.events import record_security_event
from app.domain.security.models import HospitalAlert, HospitalAlertRule
from app.domain.security.watching import HOSPITAL
from app.tenancy.alerts.raising import raise_alerts
from app.tenancy.alerts.watched import CENTRE
from app.tenancy.models import Alert, AlertRule, OperatorRole
from app.tenancy.security_events import record_platform_security_event
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

SOMEBODY = Actor(ActorKind.STAFF, new_id(), "Người Thử", address="203.0.113.7")
RULE = {
    "name": "Đổi vai trò", "kinds": ["role.change"], "least_risk": "low", "events": "3", "minutes": "10",
    "counted_by": "actor", "severity": "high", "escalate_minutes": "", "quiet_minutes": "60", "is_active": "y",
}  # fmt: skip
Portal = tuple[CheckingClient, str, Any, Any]


@pytest.fixture(params=["hospital", "admin"])
def portal(
    request: pytest.FixtureRequest, app: Flask, alpha: str, bound: Any, sign_in_staff: Any, sign_in_operator: Any
) -> Portal:
    """A browser of somebody who may, the root of the pages, and one alert that stands."""
    if request.param == "hospital":
        with bound(alpha):
            record_security_event(SOMEBODY, "emergency_access.begin")
            raise_alerts(HOSPITAL)
            record_security_event(SOMEBODY, "role.change", details={"role": "nurse"})
        return sign_in_staff(alpha, "administrator"), f"/h/{alpha}/hospital/security", HospitalAlert, HospitalAlertRule
    with app.app_context(), unit_of_work():
        record_platform_security_event(SOMEBODY, "audit.tampered")
        raise_alerts(CENTRE)
        record_platform_security_event(SOMEBODY, "role.change", details={"role": "nurse"})
    return sign_in_operator(), "/admin/security", Alert, AlertRule


@pytest.fixture
def one(app: Flask, bound: Any, alpha: str) -> Callable[[Any], Any]:
    """`one(Alert)`: the first row of a table of the centre or of alpha."""

    def find(model: Any) -> Any:
        if model.metadata.info.get("bind_key") == "hospital":
            with bound(alpha):
                row = db.session.scalars(sa.select(model).order_by(model.id).limit(1)).one()
                db.session.expunge(row)
            return row
        with app.app_context(), unit_of_work():
            row = db.session.scalars(sa.select(model).order_by(model.id).limit(1)).one()
            db.session.expunge(row)
        return row

    return find


def test_an_alert_is_taken_and_resolved_with_words(portal: Portal, one: Callable[[Any], Any]) -> None:
    browser, root, alerts, _rules = portal
    alert = one(alerts)
    page = f"{root}/alerts/{alert.id}"
    assert "Người Thử" in browser.get(page).get_data(as_text=True)
    assert browser.submit(f"{page}/take", {}, page=page).status_code == 303
    assert one(alerts).state.value == "taken"
    refused = browser.submit(f"{page}/resolve", {"resolution": "  "}, page=page)
    assert refused.status_code == 422
    assert browser.submit(f"{page}/resolve", {"resolution": "Đã kiểm tra."}, page=page).status_code == 303
    assert one(alerts).state.value == "resolved"
    assert browser.submit(f"{page}/resolve", {"resolution": "lại"}, page=root).status_code == 409
    assert "Đã kiểm tra." in browser.get(root).get_data(as_text=True)


def test_events_are_found_by_what_is_asked_for(portal: Portal) -> None:
    browser, root, _alerts, _rules = portal
    everything = browser.get(f"{root}/events").get_data(as_text=True)
    assert "role: nurse" in everything
    assert "role: nurse" not in browser.get(f"{root}/events?risk=high").get_data(as_text=True)
    assert "role: nurse" in browser.get(f"{root}/events?kind=role.change&days=7").get_data(as_text=True)
    strange = browser.get(f"{root}/events?kind=%27&risk=x&days=-1&page=zzz")
    assert strange.status_code == 200


def test_a_rule_is_made_changed_and_never_overwritten(portal: Portal, one: Callable[[Any], Any]) -> None:
    browser, root, _alerts, rules = portal
    assert browser.submit(f"{root}/rules/new", RULE).status_code == 303
    assert "Đổi vai trò" in browser.get(f"{root}/rules").get_data(as_text=True)
    wrong = browser.submit(f"{root}/rules/new", RULE | {"events": "nhiều", "minutes": "99999"})
    assert wrong.status_code == 422
    assert "Đổi vai trò" in wrong.get_data(as_text=True)
    rule = one(rules)
    page = f"{root}/rules/{rule.id}"
    change = RULE | {"name": rule.name, "version": str(rule.version), "events": "77"}
    assert browser.submit(page, change).status_code == 303
    assert browser.submit(page, change | {"events": "78"}).status_code == 409


def test_only_who_may_sees_alerts_and_changes_rules(
    app: Flask, alpha: str, sign_in_staff: Any, sign_in_operator: Any
) -> None:
    for role in ("doctor", "nurse", "receptionist"):
        assert sign_in_staff(alpha, role).get(f"/h/{alpha}/hospital/security").status_code == 403
    technician = sign_in_operator(OperatorRole.TECHNICIAN, "technician")
    assert technician.get("/admin/security/rules").status_code == 200
    assert technician.get("/admin/security/rules/new").status_code == 403
    assert sign_in_operator(OperatorRole.SUPPORT, "support").get("/admin/security").status_code == 403


def test_the_pages_ask_the_same_whatever_they_show(portal: Portal) -> None:
    browser, root, _alerts, _rules = portal
    browser.get(root)
    with count_queries() as queries:
        browser.get(root)
    assert len(queries) <= 5
    with count_queries() as queries:
        browser.get(f"{root}/events")
    assert len(queries) <= 6
