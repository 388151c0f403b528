"""A process keeps to its budget of connections as the server counts them, whatever hospitals do and suffer."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.access_mode import reading
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, tenancy
from tests.factories import make_patient
from tests.integration.web.probe import make_probe
from tests.support.platform import Platform

BUDGET, THREADS, HOSPITALS, TURNS, LOOKS = 8, 8, 30, 25, 100


class Count(threading.Thread):
    """Asks the server again and again how many connections there are to some databases.

    The server lists a connection for a moment longer than its client has it: one counts while this process holds it.
    """

    def __init__(self, platform: Platform, databases: list[str]) -> None:
        super().__init__(daemon=True)
        self._platform, self._databases = platform, databases
        self._stopped = threading.Event()
        self.most = self.samples = 0
        self.who: list[tuple[Any, ...]] = []  # what was open when it was most

    def run(self) -> None:
        ours = psutil.Process()
        with self._platform.cluster.connect() as connection:
            while not self._stopped.is_set():
                listed = connection.execute(
                    "SELECT client_port, datname, state, query FROM pg_stat_activity"
                    " WHERE datname = ANY (%s) AND application_name = 'vien'",
                    (self._databases,),
                ).fetchall()
                held = {one.laddr.port for one in ours.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED}
                counted = [one for one in listed if one[0] in held]
                if len(counted) > self.most:
                    self.most, self.who = len(counted), counted
                self.samples += 1
                time.sleep(0.002)

    def __enter__(self) -> Count:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self.join(10)


@pytest.fixture
def make(app: Flask, platform: Platform) -> Iterator[Any]:
    """Other applications on the same platform, which leave no connection behind."""
    made: list[Flask] = []

    def with_settings(**changes: Any) -> Flask:
        platform.close_connections()  # what is counted is the new application's
        made.append(platform.make_app(**changes))
        return made[-1]

    yield with_settings
    for other in made:
        with other.app_context():
            tenancy().engines.dispose()
            db.engine.dispose()
            assert tenancy().engines.statistics().connections.open == 0


def visit(app: Flask, code: str, *, write: bool = False) -> int:
    with app.app_context(), bind_hospital(code):
        if write:
            with unit_of_work():
                make_patient(full_name="Người Thử")
        with reading():
            return db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) or 0


def test_thirty_hospitals_are_served_by_eight_threads_over_eight_connections(platform: Platform, make: Any) -> None:
    codes = [f"many-{number}" for number in range(HOSPITALS)]
    for code in codes:
        platform.create_hospital(code)
    narrow = make(connection_budget=BUDGET, engine_cache_size=12, pool_timeout_seconds=60)
    databases = [platform.central_name, *(platform.databases[code] for code in codes)]

    def rotate(thread: int) -> int:
        choose, done, turns = random.Random(thread), 0, 0
        while turns < TURNS or (count.is_alive() and count.samples < LOOKS):
            turns += 1
            for code in choose.sample(codes, 3):
                with contextlib.suppress(ZeroDivisionError):
                    visit(narrow, code, write=choose.random() < 0.2)
                    done += 1
                    if choose.random() < 0.1:
                        raise ZeroDivisionError
        return done

    with Count(platform, databases) as count, ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(rotate, range(THREADS)))
    assert done >= THREADS * TURNS * 3
    assert count.samples >= LOOKS
    assert 3 < count.most <= BUDGET, count.who
    with narrow.app_context():
        facts = tenancy().engines.statistics()
    assert (facts.connections.in_use, facts.connections.waiting, facts.connections.timeouts) == (0, 0, 0)
    assert facts.connections.open <= BUDGET
    assert facts.connections.evictions > 0
    assert facts.engines == 12


def test_one_hospital_never_has_all_connections(make: Any, alpha: str, beta: str) -> None:
    """It is left waiting, and its neighbour is served meanwhile."""
    narrow = make(connection_budget=8, pool_size=2, pool_overflow=30, pool_timeout_seconds=0.3)
    with narrow.app_context():
        engine = tenancy().engines.get(tenancy().registry.get_by_code(alpha))
        with contextlib.ExitStack() as held:
            with pytest.raises(sa.exc.TimeoutError):
                for _ in range(20):
                    held.enter_context(engine.connect())
            assert visit(narrow, beta) == 0


def test_who_cannot_be_served_in_time_gets_the_page_that_says_so(make: Any, alpha: str) -> None:
    narrow = make(connection_budget=8, pool_size=1, pool_overflow=0, pool_timeout_seconds=0.2)
    narrow.register_blueprint(make_probe())
    browser = narrow.test_client()
    with narrow.app_context():
        engine = tenancy().engines.get(tenancy().registry.get_by_code(alpha))
        with engine.connect():
            answer = browser.get(f"/h/{alpha}/hospital/probe/canaries")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert browser.get(f"/h/{alpha}/hospital/probe/canaries").status_code == 200
        assert tenancy().engines.statistics().connections.timeouts == 1


def test_connections_that_the_server_ended_while_idle_are_not_handed_out(
    make: Any, platform: Platform, alpha: str
) -> None:
    narrow = make(connection_budget=8)
    assert visit(narrow, alpha) == 0
    with platform.cluster.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = ANY (%s) AND application_name = 'vien'",
            ([platform.databases[alpha], platform.central_name],),
        )
    time.sleep(0.3)  # what was in use just now is taken to be alive
    assert visit(narrow, alpha) == 0
    with narrow.app_context():
        assert tenancy().engines.statistics().connections.in_use == 0


def test_a_connection_that_is_ended_while_in_use_is_an_error_once_and_costs_nothing(
    make: Any, platform: Platform, alpha: str
) -> None:
    narrow = make(connection_budget=8)
    with narrow.app_context(), bind_hospital(alpha), pytest.raises(sa.exc.OperationalError), unit_of_work() as session:
        (pid,) = session.execute(sa.select(sa.func.pg_backend_pid()), bind_arguments={"mapper": Patient}).one()
        with platform.cluster.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        session.execute(sa.select(Patient.id))
    assert visit(narrow, alpha) == 0
    with narrow.app_context():
        assert tenancy().engines.statistics().connections.in_use == 0


def test_a_hospital_whose_server_is_away_takes_nothing_from_the_others(make: Any, platform: Platform) -> None:
    platform.create_hospital("gamma")
    narrow = make(connection_budget=8, registry_seconds=0)
    with platform.admin() as connection:
        connection.execute(
            "UPDATE hospital_databases SET database_name = 'vh_away' WHERE database_name = %s",
            (platform.databases["gamma"],),
        )
    try:
        for _ in range(12):
            with pytest.raises(sa.exc.OperationalError):
                visit(narrow, "gamma")
        with narrow.app_context():
            assert tenancy().engines.statistics().connections.in_use == 0
    finally:
        with platform.admin() as connection:
            connection.execute(
                "UPDATE hospital_databases SET database_name = %s WHERE database_name = 'vh_away'",
                (platform.databases["gamma"],),
            )


def test_a_pass_over_all_hospitals_leaves_the_busy_one_its_connection(platform: Platform, make: Any) -> None:
    narrow = make(connection_budget=8, engine_cache_size=5, pool_size=1, pool_overflow=0)
    passing = [f"pass-{number}" for number in range(8)]
    for code in passing:
        platform.create_hospital(code)
    platform.create_hospital("busy")
    visit(narrow, "busy")
    time.sleep(1.1)  # asked again a while later: it is one of the regular ones
    visit(narrow, "busy")
    with narrow.app_context():
        engine = tenancy().engines.get(tenancy().registry.get_by_code("busy"))
        for code in passing:
            visit(narrow, code)
        assert tenancy().engines.get(tenancy().registry.get_by_code("busy")) is engine
        assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]


def test_a_hospital_whose_engine_had_to_go_keeps_it_to_the_end_of_its_unit(make: Any, alpha: str, beta: str) -> None:
    """Another engine would be another connection, which does not see what was written."""
    narrow = make(connection_budget=8, engine_cache_size=1)
    with narrow.app_context(), bind_hospital(alpha), unit_of_work() as session:
        written = make_patient().id
        other = threading.Thread(target=visit, args=(narrow, beta))
        other.start()
        other.join()
        session.expire_all()
        assert session.scalar(sa.select(Patient.id)) == written
        assert tenancy().engines.statistics().engines_evicted == 1
    assert visit(narrow, alpha) == 1
