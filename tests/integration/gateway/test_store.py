"""Where rules are held: one command to Redis a request, and no rule that was known is lost when parts are away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.core.errors import Unavailable
from app.core.noticeboard import Noticeboard
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.gateway.store import GatewayStore, gateway_store
from tests.conftest import count_queries
from tests.integration.gateway.conftest import Rules
from tests.support.platform import Platform

URL = "/h/alpha/hospital/sign-in"
DEAD = "redis://127.0.0.1:1/0"


def status(app: Flask, address: str = "203.0.113.7") -> int:
    return app.test_client().get(URL, environ_base={"REMOTE_ADDR": address}).status_code


def redis_at(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=60, retry=Retry(NoBackoff(), 0))


class Process:
    """A store as another process would have it, whose Redis can be taken away and given back."""

    def __init__(self, app: Flask, url: str, trusted_seconds: float = 5) -> None:
        self.now = 1_000.0
        self.app, self.url = app, url
        self.store = GatewayStore(
            Noticeboard(redis_at(url), lambda: self.now), app.config["SECRET_KEY"], trusted_seconds, lambda: self.now
        )

    def redis(self, url: str) -> None:
        self.store._board = Noticeboard(redis_at(url), lambda: self.now)

    def admits(self, address: str = "203.0.113.7") -> bool:
        from app.tenancy.gateway.addresses import parse_address

        with self.app.app_context():
            gateway = self.store.get(tenancy().registry.get_by_code("alpha"), "hospital")
        return gateway.judge(parse_address(address), time.time()).admitted


@pytest.fixture
def process(app: Flask, alpha: str, platform: Platform) -> Process:
    return Process(app, platform.redis_url)


def test_a_request_that_finds_nothing_changed_asks_no_database(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", "203.0.113.9")
    status(app)
    with count_queries() as statements:
        assert status(app) == 200
    assert [text for text in statements if "gateway_rules" in text] == []


def test_another_process_takes_the_compiled_rules_from_redis(app: Flask, process: Process, rules: Rules) -> None:
    rules.address("alpha", "203.0.113.7")
    assert status(app) == 403
    with count_queries() as statements:
        assert not process.admits()
    assert [text for text in statements if "gateway_rules" in text] == []


def test_what_redis_holds_is_not_believed_without_our_signature(
    app: Flask, process: Process, platform: Platform, rules: Rules
) -> None:
    rules.address("alpha", "203.0.113.7")
    assert status(app) == 403
    with redis_at(platform.redis_url) as redis:
        (name,) = [key for key in redis.keys("*") if key.startswith(b"alpha:gateway:rules")]
        kept: Any = redis.get(name)
        redis.set(name, kept.replace(b"203.0.113.7", b"203.0.113.8"))
    assert not process.admits()


def test_when_redis_goes_away_changes_are_found_within_the_trusted_time(process: Process, rules: Rules) -> None:
    assert process.admits()
    process.redis(DEAD)
    assert process.admits()
    rules.address("alpha", "203.0.113.7")
    process.now += 6
    assert not process.admits()


def test_rules_made_while_redis_was_away_count_when_it_comes_back_with_old_ones(
    process: Process, platform: Platform, rules: Rules, app: Flask
) -> None:
    assert process.admits()
    store, board = app.extensions["gateway"], app.extensions["gateway"]._board
    store._board = Noticeboard(redis_at(DEAD))
    try:
        rules.address("alpha", "203.0.113.7")
    finally:
        store._board = board
    assert process.admits(), "nobody could tell this process yet"
    assert status(app) == 403, "the process that changed them knows, and tells the others now"
    assert not process.admits()


def test_without_redis_and_without_databases_what_is_known_goes_on(
    process: Process, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from app.tenancy.gateway import store

    rules.address("alpha", "203.0.113.7")
    assert not process.admits()

    def away(*_args: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(store, "_read_hospital", away)
    monkeypatch.setattr(store, "_read_platform", away)
    process.redis(DEAD)
    for _ in range(3):
        process.now += 60
        assert not process.admits()
        assert process.admits("203.0.113.8")
    fresh = Process(process.app, DEAD)
    with pytest.raises(Unavailable):
        fresh.admits()


def test_a_change_that_was_begun_and_never_finished_is_found_out(process: Process, app: Flask, rules: Rules) -> None:
    assert process.admits()
    with app.app_context():
        gateway_store().is_changing(tenancy().registry.get_by_code("alpha"))
    with count_queries() as statements:
        assert process.admits()
    assert [text for text in statements if "gateway_rules" in text]


def test_ten_thousand_rules_are_read_compiled_and_asked(
    app: Flask, process: Process, platform: Platform, rules: Rules, alpha: str
) -> None:
    with platform.admin("alpha") as connection:
        connection.execute(
            "INSERT INTO ip_access_rules (id, network, action, reason, created_by_name)"
            " SELECT gen_random_uuid(), set_masklen(('10.' || n / 256 || '.' || n % 256 || '.0')::inet, 24)::cidr,"
            " 'deny', 'thử', 'thử' FROM generate_series(0, 9999) n"
        )
    rules.address("alpha", "203.0.113.7")
    assert status(app) == 403
    assert [process.admits(address) for address in ("10.38.1.1", "10.40.1.1", "203.0.113.7")] == [False, True, False]


def test_a_hospital_whose_database_was_exchanged_has_the_rules_of_the_new_one(
    app: Flask, process: Process, rules: Rules, alpha: str
) -> None:
    from dataclasses import replace

    rules.address("alpha", "203.0.113.7")
    assert not process.admits()
    with app.app_context(), unit_of_work():
        entry = tenancy().registry.get_by_code("alpha")
        assert entry.whereabouts
        elsewhere = replace(entry, whereabouts=replace(entry.whereabouts, database="vh_other"))
        from app.tenancy.gateway.store import _place_of

        assert _place_of(elsewhere) != _place_of(entry)


@pytest.fixture(autouse=True)
def _settled(app: Flask) -> Iterator[None]:
    """Leave the application's own store as it was, whatever a test did with its Redis."""
    yield
    app.extensions["gateway"]._doubted.clear()
