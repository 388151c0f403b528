"""A primary dies, its replica is promoted: what comes after reaches it, soon, and no old connection is in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.models import DatabaseCluster
from tests.factories import make_patient
from tests.integration.web.probe import make_probe
from tests.support.platform import Platform
from tests.support.replication import Pair
from tests.support.servers import Servers

# The rest after a failure and the connecting to a host that is gone; nothing waits for a timeout of minutes.
SOON_SECONDS = 60.0


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@pytest.fixture
def home(pair: Pair, servers: Servers, worker_id: str) -> Iterator[Platform]:
    """A platform whose every address names both servers: for hospitals, for the centre and for administrators."""
    made = Platform(Servers(pair.either, servers.redis_url), f"failover_{worker_id}")
    made.app.register_blueprint(make_probe())
    pair.wait_until_replayed()
    yield made
    made.close()


def test_after_a_failover_the_next_requests_reach_the_new_primary(home: Platform, pair: Pair) -> None:
    answers: list[tuple[float, int]] = []
    promoted, enough = threading.Event(), threading.Event()

    def visit(number: int) -> None:
        browser, code = home.app.test_client(), ("alpha", "beta")[number % 2]
        while not enough.is_set():
            status = browser.post(f"/h/{code}/hospital/probe/write/200").status_code
            answers.append((time.monotonic(), status))
            time.sleep(0.01)

    with ThreadPoolExecutor(4) as pool:
        visitors = [pool.submit(visit, number) for number in range(4)]
        try:
            wait_for(lambda: len(answers) > 40)
            assert {status for _, status in answers} == {200}
            pair.wait_until_replayed()
            pair.stop_primary()
            stopped = time.monotonic()
            wait_for(lambda: any(status == 503 for _, status in answers))
            pair.replica.promote()
            promoted.set()
            begun = time.monotonic()
            wait_for(lambda: all(at > begun and status == 200 for at, status in answers[-100:]))
        finally:
            enough.set()
        for visitor in visitors:
            visitor.result(SOON_SECONDS)
    assert {status for at, status in answers if at > stopped} <= {200, 503}
    with home.app.app_context():
        for code in ("alpha", "beta"):
            with bind_hospital(code), unit_of_work() as session:
                server = session.scalar(sa.select(sa.func.inet_server_port()), bind_arguments={"mapper": Patient})
                assert server == pair.replica.port
        facts = tenancy().engines.statistics().connections
    assert (facts.in_use, facts.waiting) == (0, 0)


def test_the_centre_and_administrators_reach_the_new_primary_too(home: Platform, pair: Pair) -> None:
    with home.app.app_context(), unit_of_work() as session:
        row = session.scalars(sa.select(DatabaseCluster)).one()
        assert (row.host, row.target_session_attrs) == (
            f"127.0.0.1:{pair.primary.port},127.0.0.1:{pair.replica.port}",
            "read-write",
        )
    pair.stop_primary()
    pair.replica.promote()
    time.sleep(0.3)  # what was in use just now is taken to be alive
    with home.app.app_context(), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DatabaseCluster)) == 1
    with home.cluster.connect() as connection:
        assert connection.execute("SELECT inet_server_port()").fetchone() == (pair.replica.port,)
    home.create_hospital("gamma")
    with home.app.app_context(), bind_hospital("gamma"), unit_of_work():
        make_patient()


def test_a_server_that_has_become_read_only_is_left(home: Platform) -> None:
    """After a planned switch the old primary may go on answering, as a standby."""
    with home.app.app_context(), bind_hospital("alpha"):
        with pytest.raises(DBAPIError) as refused, unit_of_work() as session:
            before = backend()
            session.execute(sa.text("SET TRANSACTION READ ONLY"), bind_arguments={"mapper": Patient})
            make_patient()
        assert refused.value.connection_invalidated
        with unit_of_work():
            assert backend() != before
            make_patient()


def backend() -> int:
    found = db.session.scalar(sa.select(sa.func.pg_backend_pid()), bind_arguments={"mapper": Patient})
    assert found is not None
    return found


def wait_for(condition: object, seconds: float = SOON_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "that did not come about"
        time.sleep(0.01)
