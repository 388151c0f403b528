"""Gate 4: 32 threads over four hospitals, two connections each, everything failing at random.

Nobody sees another hospital's rows, what was rolled back is gone, nothing stays bound, and no connection stays out.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.access_mode import is_read_only, reading
from app.core.db import db
from app.core.unit_of_work import apart, unit_of_work
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, find_bound_hospital, tenancy
from app.tenancy.errors import WrongDatabase
from tests.factories import make_patient
from tests.isolation.figures import most
from tests.support.platform import Platform

THREADS, TURNS = 32, most(12, 100)
CODES = ("alpha", "beta", "gamma", "delta")
CANARIES = {code: f"CANARY-{code.upper()}" for code in CODES}
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = ANY (%s) AND application_name = 'vien' ORDER BY random()"
LEFT = "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY (%s) AND application_name = 'vien'"


class Broken(Exception):
    """What the tests raise."""


EXPECTED = (Broken, sa.exc.SQLAlchemyError, psycopg.Error, WrongDatabase, RuntimeError)


@pytest.fixture
def narrow(app: Flask, platform: Platform) -> Iterator[Flask]:
    """An application with two connections to each hospital, and not one more."""
    made = platform.make_app(pool_size=2, pool_overflow=0, pool_timeout_seconds=60)
    yield made
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


@pytest.fixture
def hospitals(platform: Platform, bound: Any, alpha: str, beta: str) -> tuple[str, ...]:
    """Four hospitals, each with a patient whose name is its canary."""
    for code in CODES[2:]:
        platform.create_hospital(code)
    for code in CODES:
        with bound(code):
            make_patient(full_name=CANARIES[code])
    return CODES


def read_rows() -> set[str]:
    return set(db.session.scalars(sa.select(Patient.full_name)))


def read_plainly(code: str) -> set[str]:
    with bind_hospital(code), reading():
        return read_rows()


def write_and_keep(code: str) -> set[str]:
    with bind_hospital(code), unit_of_work():
        make_patient(full_name=f"{CANARIES[code]} written")
        return read_rows()


def write_and_fail(code: str) -> set[str]:
    with bind_hospital(code), unit_of_work():
        make_patient(full_name=f"{CANARIES[code]} lost")
        raise Broken


def fail_in_the_database(code: str) -> set[str]:
    with bind_hospital(code), unit_of_work() as session:
        session.execute(sa.select(1 / sa.func.length(sa.func.left(Patient.full_name, 0))))
    return set()


def take_too_long(code: str) -> set[str]:
    """Be cancelled by the database in the middle of a unit that has written."""
    with bind_hospital(code), unit_of_work() as session:
        make_patient(full_name=f"{CANARIES[code]} lost")
        session.execute(sa.select(sa.func.set_config("statement_timeout", "20", True)).select_from(Patient).limit(1))
        session.execute(sa.select(sa.func.pg_sleep(5), Patient.id).limit(1))
    return set()


def be_disconnected(code: str) -> set[str]:
    with bind_hospital(code), unit_of_work() as session:
        make_patient(full_name=f"{CANARIES[code]} lost")
        session.execute(sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())).select_from(Patient).limit(1))
    return set()


def end_early(code: str) -> set[str]:
    def rows() -> Iterator[str]:
        with bind_hospital(code), unit_of_work() as session:
            yield from session.scalars(sa.select(Patient.full_name))

    walk = rows()
    seen = {next(walk)}
    walk.close()
    return seen


def write_apart(code: str) -> set[str]:
    with bind_hospital(code), reading():
        with apart() as session:
            session.add(Patient(full_name=f"{CANARIES[code]} apart", born_on=sa.func.current_date(), sex="female"))
        return read_rows()


def bind_inside(code: str) -> set[str]:
    other = "alpha" if code == "beta" else "beta"
    with bind_hospital(code):
        seen = read_rows()
        with bind_hospital(other):
            return read_rows() | seen


WAYS = [
    read_plainly, write_and_keep, write_and_fail, fail_in_the_database, take_too_long, be_disconnected, end_early,
    write_apart, bind_inside,
]  # fmt: skip


@pytest.fixture
def finished() -> list[str]:
    """What the threads of a test have finished, as far as they tell."""
    return []


@pytest.fixture
def sabotage(platform: Platform, hospitals: tuple[str, ...], finished: list[str]) -> Iterator[Counter[str]]:
    """Cancel statements and end connections of the hospitals at random, from outside, while the test goes on.

    One for every few units of work that were finished: a slow machine fails no more of them than a fast one.
    """
    over, done, choose = threading.Event(), Counter[str](), random.Random(0)

    def work() -> None:
        databases = [platform.databases[code] for code in hospitals]
        before = 0
        with platform.cluster.connect() as connection:
            while not over.wait(0.05):
                if len(finished) < before + 4:
                    continue
                before = len(finished)
                found = connection.execute(BACKENDS, (databases,)).fetchall()
                act = choose.choice(["pg_cancel_backend", "pg_terminate_backend"])
                for (pid,) in found[:1]:
                    connection.execute(f"SELECT {act}(%s)", (pid,))
                    done[act] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join(60)


def test_thirty_two_threads_over_four_hospitals_never_mix_them(
    narrow: Flask, platform: Platform, hospitals: tuple[str, ...], sabotage: Counter[str], finished: list[str],
    record_property: Any,
) -> None:  # fmt: skip
    start = threading.Barrier(THREADS)

    def work(number: int) -> list[tuple[str, str, set[str] | None]]:
        choose, seen = random.Random(number), []
        start.wait(60)
        for _ in range(TURNS):
            code, way = choose.choice(hospitals), choose.choice(WAYS)
            rows: set[str] | None = None
            with narrow.app_context():
                with contextlib.suppress(*EXPECTED):
                    rows = way(code)
                assert find_bound_hospital() is None
                assert not is_read_only()
            seen.append((code, way.__name__, rows))
            finished.append(way.__name__)
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        results = [entry for seen in pool.map(work, range(THREADS)) for entry in seen]
    outcomes = Counter("failed" if rows is None else "came through" for _, _, rows in results)
    assert len(results) == THREADS * TURNS
    assert outcomes["came through"] > len(results) / 8
    for code, way, names in results:
        assert all(name.startswith(CANARIES[code]) for name in names or ()), (code, way, names)
        assert not any(name.endswith("lost") for name in names or ()), (code, way, names)
    nothing_stays_out(narrow, platform)
    nothing_is_left(narrow, platform, hospitals)
    record_property(
        "isolation",
        {
            "gate": "load",
            "threads": THREADS,
            "hospitals": len(hospitals),
            "units of work": len(results),
            **outcomes,
            "sabotaged from outside": sum(sabotage.values()),
        },
    )


def test_requests_of_all_hospitals_at_once_stay_apart(
    narrow: Flask, platform: Platform, hospitals: tuple[str, ...], record_property: Any
) -> None:
    from tests.integration.web.probe import make_probe

    narrow.register_blueprint(make_probe())
    start, count = threading.Barrier(16), most(10, 60)

    def visit(number: int) -> None:
        choose, browser = random.Random(number), narrow.test_client()
        start.wait(60)
        for _ in range(count):
            code = choose.choice(hospitals)
            outcome = choose.choice(["raise", "422", "across", "terminated", "canaries", "canaries"])
            if outcome != "canaries":
                browser.post(f"/h/{code}/hospital/probe/write/{outcome}")
                continue
            response = browser.get(f"/h/{code}/hospital/probe/canaries", buffered=choose.random() < 0.5)
            assert response.status_code == 200
            assert response.get_data(as_text=True) == CANARIES[code]
            response.close()
        assert find_bound_hospital() is None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(visit, range(16)))
    nothing_stays_out(narrow, platform)
    record_property("isolation", {"gate": "load", "part": "requests", "threads": 16, "requests": 16 * count})


def nothing_stays_out(narrow: Flask, platform: Platform) -> None:
    """Assert that no connection is out of its pool."""
    for app in (narrow, platform.app):
        with app.app_context():
            for engine in [*tenancy().engines.list_engines(), db.engine]:
                assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def nothing_is_left(narrow: Flask, platform: Platform, hospitals: tuple[str, ...]) -> None:
    """Assert that the server knows of no connection once all pools are closed; a pooler keeps its own."""
    with platform.admin() as central:
        if central.execute("SELECT count(pooler_host) FROM database_clusters").fetchone() != (0,):
            return
    for app in (narrow, platform.app):
        with app.app_context():
            tenancy().engines.dispose()
    databases = [platform.databases[code] for code in hospitals]
    with platform.cluster.connect() as connection:
        until = time.monotonic() + 60
        while (left := connection.execute(LEFT, (databases,)).fetchone()) != (0,) and time.monotonic() < until:
            time.sleep(0.05)
    assert left == (0,)
