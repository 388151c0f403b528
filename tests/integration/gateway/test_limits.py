"""How often and how much: limits of each hospital and portal, said in the reader's language, and held without Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.security.models import HospitalSecurityEvent
from tests.integration.gateway.conftest import Rules
from tests.support.client import CheckingClient
from tests.support.limits import limiter_kept

URL = "/h/alpha/patient/sign-in"


def ask(app: Flask, times: int, url: str = URL, address: str = "203.0.113.7") -> list[int]:
    browser = app.test_client()
    return [browser.get(url, environ_base={"REMOTE_ADDR": address}).status_code for _ in range(times)]


def test_requests_of_an_address_are_counted_over_all_pages_and_processes(
    app: Flask, second: Flask, alpha: str, beta: str, rules: Rules
) -> None:
    rules.rates("alpha", "patient", requests_per_address=30)
    assert ask(app, 15) + ask(second, 15) == [200] * 30
    assert ask(second, 1, "/h/alpha/patient/") == [429]
    assert ask(app, 1, address="203.0.113.8") == [200]
    assert ask(app, 1, "/h/alpha/hospital/sign-in") == [200]
    assert ask(app, 1, "/h/beta/patient/sign-in") == [200]


def test_a_whole_ipv6_network_is_one_address(app: Flask, alpha: str, rules: Rules) -> None:
    rules.rates("alpha", requests_per_address=30)
    answers = [ask(app, 1, address=f"2001:db8:1:2::{n:x}")[0] for n in range(31)]
    assert answers == [200] * 30 + [429]
    assert ask(app, 1, address="2001:db8:1:3::1") == [200]


def test_a_person_is_counted_wherever_they_come_from(alpha: str, rules: Rules, sign_in_staff: Any) -> None:
    browser, other = sign_in_staff("alpha", "doctor"), sign_in_staff("alpha", "doctor", username="khac")
    rules.rates("alpha", "hospital", requests_per_person=30)
    answers = [
        browser.get("/h/alpha/hospital/today", environ_base={"REMOTE_ADDR": f"203.0.113.{n}"}).status_code
        for n in range(31)
    ]
    assert answers == [200] * 30 + [429]
    assert other.get("/h/alpha/hospital/today").status_code == 200


def test_tries_to_sign_in_follow_the_rules_of_the_portal(client: CheckingClient, alpha: str, rules: Rules) -> None:
    rules.rates("alpha", "hospital", sign_ins_per_address=3)
    url = "/h/alpha/hospital/sign-in"
    answers = [client.submit(url, {"username": f"name-{n}", "password": "wrong-wrong"}).status_code for n in range(4)]
    assert answers == [422] * 3 + [429]


@pytest.mark.parametrize(("language", "word"), [("vi", "Quá nhiều"), ("en", "Too many")])
def test_who_is_limited_reads_in_their_language_when_to_come_back(
    app: Flask, alpha: str, rules: Rules, language: str, word: str
) -> None:
    rules.rates("alpha", "patient", requests_per_address=30)
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    browser.submit("/h/alpha/patient/locale", {"locale": language}, page=URL)
    answers = [browser.get(URL) for _ in range(31)]
    last = answers[-1]
    assert last.status_code == 429
    assert word in last.get_data(as_text=True)
    assert 0 < int(last.headers["Retry-After"]) <= 60


def test_who_is_limited_is_written_down_once(app: Flask, alpha: str, rules: Rules, bound: Any) -> None:
    rules.rates("alpha", "patient", requests_per_address=30)
    ask(app, 40)
    with bound("alpha"):
        model = HospitalSecurityEvent
        found = db.session.execute(
            sa.select(model.address, model.details).where(model.kind == "sign_in.throttled")
        ).all()
    assert [(row.address, row.details["why"]) for row in found] == [("203.0.113.7", "rate")]


@pytest.fixture
def without_redis(made_with: Callable[..., Flask]) -> Iterator[Flask]:
    """An application whose Redis refuses every connection."""
    with limiter_kept():
        yield made_with(redis_url="redis://127.0.0.1:1/0")


def test_without_redis_rules_come_from_the_database_and_limits_hold(
    without_redis: Flask, alpha: str, rules: Rules
) -> None:
    rules.rates("alpha", "patient", requests_per_address=30)
    rules.address("alpha", "203.0.113.9")
    assert ask(without_redis, 31) == [200] * 30 + [429]
    assert ask(without_redis, 1, address="203.0.113.9") == [403]


def post(browser: CheckingClient, size: int) -> Any:
    return browser.submit("/h/alpha/patient/sign-in", {"username": "x" * size, "password": "y"})


def test_what_is_too_large_gets_a_page_and_changes_nothing(client: CheckingClient, alpha: str, rules: Rules) -> None:
    assert post(client, 100_000).status_code == 422
    rules.rates("alpha", "patient", largest_request_kb=64)
    response = post(client, 100_000)
    assert response.status_code == 413
    assert "Quay lại" in response.get_data(as_text=True)
    assert client.submit("/h/alpha/hospital/sign-in", {"username": "x" * 100_000, "password": "y"}).status_code == 422


def test_operators_may_let_a_portal_send_more(client: CheckingClient, alpha: str, rules: Rules) -> None:
    assert post(client, 2_000_000).status_code == 413
    rules.rates("about:alpha", "patient", largest_request_kb=4096)
    assert post(client, 2_000_000).status_code == 422
