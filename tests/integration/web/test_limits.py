"""The same address, and the same name, may try so often; with Redis away the process itself counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app.core.db import db
from app.tenancy.binding import tenancy
from tests.support.client import CheckingClient
from tests.support.limits import limiter_kept
from tests.support.platform import Platform

URL = "/h/alpha/hospital/sign-in"


def tries(browser: CheckingClient, names: list[str], url: str = URL) -> list[int]:
    return [browser.submit(url, {"username": name, "password": "wrong-wrong"}).status_code for name in names]


@pytest.fixture
def without_redis(app: Flask, platform: Platform) -> Iterator[Flask]:
    """An application whose Redis refuses every connection."""
    with limiter_kept():
        made = platform.make_app(redis_url="redis://127.0.0.1:1/0")
        yield made
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


def test_one_name_is_tried_ten_times_a_minute_from_anywhere(client: CheckingClient, alpha: str) -> None:
    assert tries(client, ["somebody"] * 10 + ["SomeBody "]) == [422] * 10 + [429]


def test_one_address_tries_thirty_times_a_minute(client: CheckingClient, alpha: str) -> None:
    assert tries(client, [f"name-{n}" for n in range(31)]) == [422] * 30 + [429]


def test_what_is_counted_at_one_hospital_is_not_counted_at_the_other(
    client: CheckingClient, alpha: str, beta: str
) -> None:
    tries(client, ["somebody"] * 11)
    assert tries(client, ["somebody"], "/h/beta/hospital/sign-in") == [422]


def test_being_limited_is_a_page_that_says_when(client: CheckingClient, alpha: str) -> None:
    tries(client, ["somebody"] * 10)
    response = client.submit(URL, {"username": "somebody", "password": "wrong-wrong"})
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert response.headers["X-Request-ID"] in response.get_data(as_text=True)


def test_redis_does_not_learn_who_tries(platform: Platform, client: CheckingClient, alpha: str) -> None:
    tries(client, ["001080012345"])
    with Redis.from_url(platform.redis_url) as redis:
        names = b" ".join(redis.keys())
        assert b"alpha:hospital:account:" in names
        assert b"001080012345" not in names


def test_without_redis_the_limit_holds_all_the_same(without_redis: Flask, alpha: str) -> None:
    browser: CheckingClient = without_redis.test_client()  # type: ignore[assignment]
    assert tries(browser, ["somebody"] * 11) == [422] * 10 + [429]


@pytest.mark.parametrize("url", ["/", "/admin/sign-in", "/h/alpha/hospital/sign-in", "/h/alpha/patient/sign-in"])
def test_without_redis_every_portal_serves(without_redis: Flask, alpha: str, url: str) -> None:
    assert without_redis.test_client().get(url).status_code == 200


def test_without_redis_somebody_can_sign_in(without_redis: Flask, sign_in_staff: Any, alpha: str) -> None:
    from tests.factories.people import PASSWORD

    username = sign_in_staff("alpha").person["username"]
    browser: CheckingClient = without_redis.test_client()  # type: ignore[assignment]
    assert browser.submit(URL, {"username": username, "password": PASSWORD}).status_code == 303


def test_readiness_tells_of_redis_and_stays_ready(without_redis: Flask) -> None:
    response = without_redis.test_client().get("/readyz")
    assert response.status_code == 200
    assert response.get_json() == {"status": "degraded", "central_database": True, "redis": False}
