"""Engines are kept for the most recently used hospitals only, and what is let go of is let go of wholly."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import autocommitting, db
from app.core.ids import new_id
from app.tenancy import engines as engines_module
from app.tenancy.binding import tenancy
from app.tenancy.engines import EngineCache
from app.tenancy.errors import WrongDatabase
from app.tenancy.registry import HospitalEntry
from tests.support.platform import Platform


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[psycopg.Connection[Any]]:
    """Every connection to a hospital that is opened during the test."""
    made: list[psycopg.Connection[Any]] = []
    connect = engines_module.connect

    def noted(*args: Any) -> psycopg.Connection[Any]:
        made.append(connect(*args))
        return made[-1]

    monkeypatch.setattr(engines_module, "connect", noted)
    return made


@pytest.fixture
def cache(app: Flask, opened: Any) -> Iterator[EngineCache]:
    """A cache with room for two."""
    with app.app_context():
        made = EngineCache(app.extensions["settings"].model_copy(update={"engine_cache_size": 2}))
        yield made
        made.dispose()


def entries(app: Flask, count: int) -> list[HospitalEntry]:
    """Return so many entries that need engines of their own: alpha, as if its password had been rotated."""
    alpha = tenancy().registry.get_by_code("alpha")
    assert alpha.whereabouts is not None
    place, rotated = alpha.whereabouts, alpha.whereabouts.rotated_at
    return [replace(alpha, whereabouts=replace(place, rotated_at=rotated + timedelta(days=n))) for n in range(count)]


def use(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))


def test_a_hospital_keeps_its_engine(app: Flask, cache: EngineCache) -> None:
    (one,) = entries(app, 1)
    assert cache.get(one) is cache.get(one)


def test_rotated_credentials_get_an_engine_of_their_own(app: Flask, cache: EngineCache) -> None:
    one, two = entries(app, 2)
    assert cache.get(one) is not cache.get(two)


def test_no_more_engines_are_kept_than_agreed_and_the_longest_unused_goes(app: Flask, cache: EngineCache) -> None:
    one, two, three = entries(app, 3)
    first, second = cache.get(one), cache.get(two)
    assert cache.get(one) is first
    cache.get(three)
    assert len(cache) == 2
    assert cache.get(one) is first
    assert cache.get(two) is not second


def test_an_engine_that_goes_closes_its_idle_connections(app: Flask, cache: EngineCache, opened: Any) -> None:
    one, two, three = entries(app, 3)
    use(cache.get(one))
    assert [connection.closed for connection in opened] == [False]
    cache.get(two)
    cache.get(three)
    assert [connection.closed for connection in opened] == [True]


def test_a_connection_in_use_is_closed_when_it_comes_back_to_an_engine_that_went(
    app: Flask, cache: EngineCache, opened: Any
) -> None:
    one, two, three = entries(app, 3)
    with cache.get(one).connect() as connection:
        cache.get(two)
        cache.get(three)
        assert connection.scalar(sa.text("SELECT 1")) == 1
    assert [entry.closed for entry in opened] == [True]


def test_a_late_user_of_an_engine_that_went_leaves_no_connection_behind(
    app: Flask, cache: EngineCache, opened: Any
) -> None:
    one, two, three = entries(app, 3)
    late = cache.get(one)
    cache.get(two)
    cache.get(three)
    use(late)
    use(autocommitting(late))
    assert [entry.closed for entry in opened] == [True, True]


def test_an_engine_that_went_leaves_the_memory(app: Flask, cache: EngineCache) -> None:
    one, two, three = entries(app, 3)
    engine = cache.get(one)
    use(autocommitting(engine))
    assert autocommitting(engine) is autocommitting(engine)
    gone = weakref.ref(engine)
    del engine
    cache.get(two)
    cache.get(three)
    gc.collect()
    assert gone() is None


def test_every_engine_shares_the_centres_dialect_and_one_cache_of_statements(app: Flask, cache: EngineCache) -> None:
    one, two = (cache.get(entry) for entry in entries(app, 2))
    assert one.dialect is two.dialect is db.engine.dialect
    assert one.get_execution_options()["compiled_cache"] is two.get_execution_options()["compiled_cache"]


def test_a_hospital_without_a_place_has_no_engine(app: Flask, cache: EngineCache) -> None:
    (one,) = entries(app, 1)
    with pytest.raises(WrongDatabase):
        cache.get(replace(one, whereabouts=None))


def test_a_database_that_is_somebody_elses_is_left_at_once(app: Flask, cache: EngineCache, opened: Any) -> None:
    (one,) = entries(app, 1)
    engine = cache.get(replace(one, id=new_id()))
    with pytest.raises(WrongDatabase), engine.connect():
        pass
    assert [connection.closed for connection in opened] == [True]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["empty", "absent"])
def test_a_database_that_does_not_say_whose_it_is_is_not_served_from(
    app: Flask, platform: Platform, cache: EngineCache, opened: Any, fault: str
) -> None:
    (one,) = entries(app, 1)
    spoil, mend = {
        "empty": (
            "CREATE TABLE kept AS TABLE hospital_info; DELETE FROM hospital_info",
            "INSERT INTO hospital_info SELECT * FROM kept; DROP TABLE kept",
        ),
        "absent": ("ALTER TABLE hospital_info RENAME TO kept", "ALTER TABLE kept RENAME TO hospital_info"),
    }[fault]
    with platform.admin("alpha") as connection:
        connection.execute(spoil)
        try:
            with pytest.raises(WrongDatabase), cache.get(one).connect():
                pass
        finally:
            connection.execute(mend)
    assert [entry.closed for entry in opened] == [True]
