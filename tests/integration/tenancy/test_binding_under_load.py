"""Many threads, two hospitals, few connections, errors at random: nobody sees the other's rows, nothing stays out."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.access_mode import is_read_only, reading
from app.core.db import db
from app.core.unit_of_work import apart, unit_of_work
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, find_bound_hospital, tenancy
from tests.factories import make_patient
from tests.support.platform import Platform

THREADS, TURNS = 32, 15
CANARIES = {"alpha": "CANARY-ALPHA", "beta": "CANARY-BETA"}


class Broken(Exception):
    """What the tests raise."""


@pytest.fixture
def narrow(app: Flask, platform: Platform) -> Iterator[Flask]:
    """An application with two connections to each hospital, and not one more."""
    made = platform.make_app(pool_size=2, pool_overflow=0, pool_timeout_seconds=60)
    yield made
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


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
    other = "beta" if code == "alpha" else "alpha"
    with bind_hospital(code):
        seen = read_rows()
        with bind_hospital(other):
            return read_rows() | seen


WAYS = [read_plainly, write_and_keep, write_and_fail, fail_in_the_database, end_early, write_apart, bind_inside]


def test_thirty_two_threads_over_two_hospitals_never_mix_them(narrow: Flask, bound: Any, alpha: str, beta: str) -> None:
    for code in (alpha, beta):
        with bound(code):
            make_patient(full_name=CANARIES[code])
    start = threading.Barrier(THREADS)

    def work(number: int) -> list[tuple[str, set[str]]]:
        choose, seen = random.Random(number), []
        start.wait(30)
        for _ in range(TURNS):
            code, way = choose.choice([alpha, beta]), choose.choice(WAYS)
            with narrow.app_context():
                with contextlib.suppress(Broken, sa.exc.DBAPIError, RuntimeError):
                    seen.append((code, way(code)))
                assert find_bound_hospital() is None
                assert not is_read_only()
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        results = [entry for seen in pool.map(work, range(THREADS)) for entry in seen]
    assert len(results) > THREADS * TURNS / 3
    for code, names in results:
        assert all(name.startswith(CANARIES[code]) for name in names), (code, names)
        assert not any(name.endswith("lost") for name in names)
    with narrow.app_context():
        for engine in tenancy().engines.list_engines():
            assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_requests_of_both_hospitals_at_once_stay_apart(narrow: Flask, bound: Any, alpha: str, beta: str) -> None:
    from tests.integration.web.probe import make_probe

    narrow.register_blueprint(make_probe())
    for code in (alpha, beta):
        with bound(code):
            make_patient(full_name=CANARIES[code])
    start = threading.Barrier(16)

    def visit(number: int) -> None:
        choose, browser = random.Random(number), narrow.test_client()
        start.wait(30)
        for _ in range(10):
            code = choose.choice([alpha, beta])
            outcome = choose.choice(["raise", "422", "across", "canaries", "canaries"])
            if outcome != "canaries":
                browser.post(f"/h/{code}/hospital/probe/write/{outcome}")
                continue
            response = browser.get(f"/h/{code}/hospital/probe/canaries", buffered=choose.random() < 0.5)
            assert response.get_data(as_text=True) == CANARIES[code]
            response.close()
        assert find_bound_hospital() is None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(visit, range(16)))
    with narrow.app_context():
        for engine in tenancy().engines.list_engines():
            assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
