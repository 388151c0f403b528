"""Who comes in from where: at the next request, in every process, by path and by host, and never more than that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.models import SecurityEvent
from tests.integration.gateway.conftest import Rules

FROM = "203.0.113.7"
PATHS = {"admin": "/admin/sign-in", "hospital": "/h/alpha/hospital/sign-in", "patient": "/h/alpha/patient/sign-in"}


def ask(app: Flask, url: str, address: str = FROM, **headers: str) -> Any:
    return app.test_client().get(url, environ_base={"REMOTE_ADDR": address}, headers=headers)


def statuses(app: Flask, address: str = FROM) -> dict[str, int]:
    return {portal: ask(app, url, address).status_code for portal, url in PATHS.items()}


def test_a_rule_counts_at_the_next_request_in_every_process(
    app: Flask, second: Flask, alpha: str, rules: Rules
) -> None:
    for each in (app, second):
        assert ask(each, PATHS["hospital"]).status_code == 200
    rules.address("alpha", "203.0.113.0/24")
    for each in (app, second):
        assert ask(each, PATHS["hospital"]).status_code == 403
        assert ask(each, PATHS["hospital"], "203.0.114.7").status_code == 200


@pytest.mark.parametrize(
    ("of", "portal", "refused"),
    [
        ("platform", None, {"admin", "hospital", "patient"}),
        ("platform", "patient", {"patient"}),
        ("about:alpha", None, {"hospital", "patient"}),
        ("about:alpha", "hospital", {"hospital"}),
        ("alpha", None, {"hospital", "patient"}),
        ("alpha", "patient", {"patient"}),
    ],
)
def test_a_rule_counts_where_it_was_made_for(
    app: Flask, alpha: str, beta: str, rules: Rules, of: str, portal: str | None, refused: set[str]
) -> None:
    rules.address(of, FROM, portal=portal)
    assert {name for name, status in statuses(app).items() if status == 403} == refused
    assert ask(app, "/h/beta/hospital/sign-in").status_code == (403 if of == "platform" and portal is None else 200)


def test_a_hospital_lets_nobody_in_whom_the_platform_refuses(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("platform", "203.0.113.0/24", portal="hospital")
    rules.address("alpha", FROM, "allow")
    assert ask(app, PATHS["hospital"]).status_code == 403
    rules.address("about:alpha", FROM, "allow")
    assert ask(app, PATHS["hospital"]).status_code == 200
    assert ask(app, PATHS["hospital"], "203.0.113.8").status_code == 403


def test_a_list_of_addresses_lets_in_who_stands_on_it(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", "2001:db8:1::/48", "allow", "hospital")
    rules.rates("alpha", "hospital", allow_list_only=True)
    assert ask(app, PATHS["hospital"], "2001:db8:1::9").status_code == 200
    for address in ("2001:db8:2::9", FROM, "127.0.0.1", ""):
        assert ask(app, PATHS["hospital"], address).status_code == 403
        assert ask(app, PATHS["patient"], address).status_code == 200


def test_an_ipv4_address_in_ipv6_clothes_is_refused_like_itself(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", FROM)
    assert ask(app, PATHS["hospital"], f"::ffff:{FROM}").status_code == 403


def test_a_rule_ends_by_itself(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", FROM, expires_at=clock.now() + timedelta(minutes=5))
    assert ask(app, PATHS["hospital"]).status_code == 403
    with clock.frozen_at(clock.now() + timedelta(minutes=6)):
        assert ask(app, PATHS["hospital"]).status_code == 200


def test_the_refusal_says_its_number_and_nothing_else(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", "203.0.113.0/24")
    response = ask(app, PATHS["hospital"])
    page = response.get_data(as_text=True)
    assert response.headers["X-Request-ID"] in page
    for secret in ("203.0.113", "thử", "Alpha", "CIDR", "rule"):
        assert secret not in page
    assert response.headers["Content-Security-Policy"]


def test_refusals_are_written_down_once_a_minute_for_each_address(
    app: Flask, second: Flask, alpha: str, rules: Rules, bound: Any
) -> None:
    rules.address("alpha", "203.0.113.0/24")
    for each in (app, second):
        for last in (7, 7, 8):
            ask(each, PATHS["hospital"], f"203.0.113.{last}")
    with bound("alpha"):
        model = HospitalSecurityEvent
        rows = db.session.execute(sa.select(model.address, model.details).where(model.kind == "gateway.refused")).all()
    assert sorted(row.address for row in rows) == ["203.0.113.7", "203.0.113.8"]
    assert rows[0].details["level"] == "hospital"


def test_refusals_of_operators_are_written_down_in_the_centre(app: Flask, rules: Rules) -> None:
    rules.address("platform", FROM, portal="admin")
    assert ask(app, "/admin/").status_code == 403
    with app.app_context(), unit_of_work() as session:
        found = session.scalars(sa.select(SecurityEvent.portal).where(SecurityEvent.kind == "gateway.refused")).all()
    assert found == ["admin"]


def test_somebody_signed_in_is_refused_at_the_next_request_and_comes_back_with_the_same_session(
    app: Flask, alpha: str, rules: Rules, sign_in_staff: Any
) -> None:
    browser = sign_in_staff("alpha", "doctor")
    made = rules.address("alpha", "127.0.0.1")
    assert browser.get("/h/alpha/hospital/today").status_code == 403
    rules.remove("alpha", made)
    assert browser.get("/h/alpha/hospital/today").status_code == 200


def test_the_front_door_answers_to_the_platform(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", FROM)
    assert ask(app, "/patient/").status_code == 200
    rules.address("platform", FROM, portal="patient")
    assert ask(app, "/patient/").status_code == 403
    assert ask(app, "/").status_code == 200


def test_probes_and_metrics_pass_by(app: Flask, rules: Rules) -> None:
    rules.address("platform", "127.0.0.0/8")
    rules.address("platform", FROM)
    assert ask(app, "/healthz").status_code == 200
    assert ask(app, "/readyz").status_code == 200
    assert ask(app, "/metrics", "127.0.0.1").status_code == 200
    assert ask(app, "/").status_code == 403


@pytest.mark.parametrize(
    ("hops", "forwarded", "refused"),
    [
        (0, "203.0.113.7", False),
        (1, "203.0.113.7", True),
        (1, "203.0.113.7, 198.51.100.1", False),
        (1, "198.51.100.1, 203.0.113.7", True),
        (2, "203.0.113.7, 198.51.100.1", True),
        (2, "203.0.113.7, 198.51.100.1, 198.51.100.2", False),
        (2, "198.51.100.1", False),
    ],
)
def test_a_forged_address_is_believed_from_as_many_proxies_as_there_are(
    made_with: Callable[..., Flask], alpha: str, rules: Rules, hops: int, forwarded: str, refused: bool
) -> None:
    rules.address("alpha", FROM)
    made = made_with(proxy_hops=hops)
    response = ask(made, PATHS["hospital"], "10.0.0.1", **{"X-Forwarded-For": forwarded})
    assert response.status_code == (403 if refused else 200)


def test_on_a_hospitals_host_its_rules_count(hosted: Flask, app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", FROM)
    for host, status in (("alpha.hospitals.example", 403), ("beta.hospitals.example", 200)):
        response = ask(
            hosted, "/hospital/sign-in", "10.0.0.1",
            **{"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": FROM},
        )  # fmt: skip
        assert response.status_code == status
