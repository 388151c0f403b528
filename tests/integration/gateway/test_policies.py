"""Account policies come from the rules: at the next request, per portal and hospital, never below the platform's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from app.core import clock
from app.tenancy.binding import bind_hospital
from app.tenancy.policies import DEFAULTS, AccountPolicy, account_policy
from tests.integration.gateway.conftest import Rules

TODAY = "/h/alpha/hospital/today"


def policy(app: Flask, portal: str, code: str | None) -> AccountPolicy:
    with app.app_context():
        if code is None:
            return account_policy(portal)
        with bind_hospital(code):
            return account_policy(portal)


def test_without_rules_the_built_in_policies_count(app: Flask, alpha: str) -> None:
    for portal in ("hospital", "patient"):
        assert policy(app, portal, alpha) is DEFAULTS[portal]
    assert policy(app, "admin", None) is DEFAULTS["admin"]
    assert account_policy("admin") is DEFAULTS["admin"]


def test_platform_and_hospital_together_make_the_policy(
    app: Flask, second: Flask, alpha: str, beta: str, rules: Rules
) -> None:
    rules.policy("platform", "hospital", idle_minutes=60, password_days=365)
    rules.policy("alpha", "hospital", idle_minutes=10, shortest_password=16, password_history=5, password_days=90)
    for each in (app, second):
        found = policy(each, "hospital", alpha)
        assert (found.idle, found.absolute) == (timedelta(minutes=10), timedelta(hours=12))
        assert (found.shortest_password, found.password_history) == (16, 5)
        assert found.password_expires == timedelta(days=90)
        assert policy(each, "hospital", beta).idle == timedelta(minutes=60)
        assert policy(each, "patient", alpha) is DEFAULTS["patient"]
        assert policy(each, "admin", None) is DEFAULTS["admin"]


def test_patients_of_a_hospital_can_be_asked_for_a_second_factor(app: Flask, alpha: str, rules: Rules) -> None:
    rules.policy("alpha", "patient", second_factor_required=True)
    assert policy(app, "patient", alpha).second_factor_required


def test_a_shorter_session_counts_for_who_is_signed_in_already(
    app: Flask, alpha: str, rules: Rules, sign_in_staff: Any
) -> None:
    browser = sign_in_staff("alpha", "doctor")
    with clock.frozen_at(clock.now() + timedelta(minutes=12)):
        assert browser.get(TODAY).status_code == 200
    with clock.frozen_at(clock.now() + timedelta(minutes=24)):
        assert browser.get(TODAY).status_code == 200
        rules.policy("alpha", "hospital", idle_minutes=10)
    with clock.frozen_at(clock.now() + timedelta(minutes=37)):
        assert browser.get(TODAY).status_code == 303
