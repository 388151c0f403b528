"""Reading from a hospital's real replica, and from the primary where the replica is away, behind, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core.access_mode import WriteInReadOnlyUnit
from app.core.crypto import Keyring
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.errors import NoHospitalBound
from app.tenancy.models import HospitalDatabase, SyncRun
from app.tenancy.queries import get_hospital
from app.tenancy.reading import ask_replica, reading_replica
from app.tenancy.replicas import open_replica
from tests.factories import make_patient
from tests.support.platform import Platform
from tests.support.replication import Pair
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@pytest.fixture(scope="module")
def copied(pair: Pair, servers: Servers, worker_id: str) -> Iterator[Platform]:
    """A platform of its own on the primary; alpha has the replica, beta has none."""
    made = Platform(Servers(pair.primary.url, servers.redis_url), f"copied_{worker_id}")
    pair.wait_until_replayed()
    outcome = command(made, "hospital", "set-replica", "alpha", "--host", "127.0.0.1", "--port", str(pair.replica.port))
    assert outcome.exit_code == 0, outcome.output
    yield made
    made.close()


@pytest.fixture
def home(copied: Platform, pair: Pair) -> Iterator[Platform]:
    """The platform with nothing left of the test before."""
    with copied.app.app_context():
        tenancy().replicas_away.clear()
    yield copied
    copied.reset()
    pair.wait_until_replayed()


def command(platform: Platform, *words: str) -> Any:
    return platform.app.test_cli_runner().invoke(args=list(words))


def count() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) or 0


def port() -> int:
    found = db.session.scalar(sa.select(sa.func.inet_server_port()), bind_arguments={"mapper": Patient})
    assert found is not None
    return found


def add_patient(platform: Platform, code: str = "alpha") -> None:
    with platform.app.app_context(), bind_hospital(code), unit_of_work():
        make_patient()


def test_what_may_be_a_little_old_is_read_from_the_replica(home: Platform, pair: Pair) -> None:
    add_patient(home)
    pair.wait_until_replayed()
    with home.app.app_context(), bind_hospital("alpha"):
        with reading_replica() as there:
            assert there
            assert (port(), count()) == (pair.replica.port, 1)
        assert port() == pair.primary.port


def test_nothing_is_written_while_reading_the_replica(home: Platform) -> None:
    with home.app.app_context(), bind_hospital("alpha"), reading_replica():
        db.session.add(Patient(full_name="Người Thử", born_on=sa.func.current_date(), sex="female"))
        with pytest.raises(WriteInReadOnlyUnit):
            db.session.flush()
        db.session.rollback()
        with pytest.raises(DBAPIError):
            db.session.execute(sa.text("DELETE FROM patients"), bind_arguments={"mapper": Patient})


def test_a_hospital_without_a_replica_is_read_from_its_primary(home: Platform, pair: Pair) -> None:
    with home.app.app_context(), bind_hospital("beta"), reading_replica() as there:
        assert not there
        assert port() == pair.primary.port


def test_only_a_bound_hospital_has_a_replica(home: Platform) -> None:
    with home.app.app_context(), pytest.raises(NoHospitalBound), reading_replica():
        pass


def test_a_replica_too_far_behind_is_not_read(home: Platform, pair: Pair) -> None:
    with psycopg.connect(pair.replica.url, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            add_patient(home)
            pair.wait_until_received()
            with home.app.app_context(), bind_hospital("alpha"):
                with reading_replica(lag_seconds=0) as there:
                    assert not there
                    assert (port(), count()) == (pair.primary.port, 1)
                with reading_replica(lag_seconds=3600) as there:
                    assert there
                    assert count() == 0
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")


def test_the_centres_counts_are_asked_of_the_replica(home: Platform, pair: Pair) -> None:
    with psycopg.connect(pair.replica.url, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            add_patient(home)
            add_patient(home, "beta")
            pair.wait_until_received()
            with home.app.app_context():
                for code in ("alpha", "beta"):
                    synchronise(code)
                with unit_of_work() as session:
                    found = {run.hospital_id: run.counts["patients"] for run in session.scalars(sa.select(SyncRun))}
                    counts = {code: found[get_hospital(code).id] for code in ("alpha", "beta")}
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")
    assert counts == {"alpha": 0, "beta": 1}  # the replica did not know of her yet


def test_where_the_replica_is_away_the_primary_is_read_and_nobody_waits_twice(home: Platform, pair: Pair) -> None:
    add_patient(home)
    pair.replica.stop()
    try:
        with home.app.app_context(), bind_hospital("alpha"):
            for _ in range(2):
                with reading_replica() as there:
                    assert not there
                    assert count() == 1
            (circuit,) = tenancy().replicas_away.values()
            assert circuit.is_open()
            with reading_replica():
                count()
            assert tenancy().engines.statistics().connections.waiting == 0
    finally:
        pair.replica.start()


def test_a_replica_that_fails_in_the_middle_is_made_up_for_by_the_primary(home: Platform, pair: Pair) -> None:
    add_patient(home)
    pair.wait_until_replayed()
    asked: list[int] = []

    def question() -> int:
        asked.append(port())
        if len(asked) == 1:
            db.session.execute(
                sa.text("SELECT pg_terminate_backend(pg_backend_pid())"), bind_arguments={"mapper": Patient}
            )
        return count()

    with home.app.app_context(), bind_hospital("alpha"):
        assert ask_replica(question) == 1
        assert tenancy().engines.statistics().connections.in_use == 0
    assert asked == [pair.replica.port, pair.primary.port]


def test_the_primarys_own_faults_are_not_asked_for_twice(home: Platform) -> None:
    asked: list[int] = []

    def question() -> None:
        asked.append(1)
        db.session.execute(sa.text("SELECT 1/0"), bind_arguments={"mapper": Patient})

    with home.app.app_context(), bind_hospital("beta"), pytest.raises(DBAPIError):
        ask_replica(question)
    assert asked == [1]


def test_the_address_of_a_replica_is_kept_sealed_and_the_act_is_audited(home: Platform, pair: Pair) -> None:
    with home.app.app_context():
        outcome = command(
            home, "hospital", "set-replica", "alpha", "--host", "127.0.0.1", "--port", str(pair.replica.port)
        )
        assert outcome.exit_code == 0
        with unit_of_work() as session:
            row = session.scalars(sa.select(HospitalDatabase).where(HospitalDatabase.replica_key_id.is_not(None))).one()
            assert b"127.0.0.1" not in (row.replica_ciphertext or b"")
            keyring: Keyring = home.app.extensions["keyring"]
            found = open_replica(keyring, row)
    assert found is not None
    assert (found.host, found.port) == ("127.0.0.1", pair.replica.port)
    with home.admin() as connection:
        audited = connection.execute("SELECT action FROM platform_audit_log ORDER BY id DESC LIMIT 1").fetchone()
    assert audited == ("hospital.set_replica",)


@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        (lambda pair: ["--host", "127.0.0.1", "--port", str(pair.primary.port)], 1, "takes writes itself"),
        (lambda pair: ["--host", "127.0.0.1", "--port", "1"], 1, "does not answer"),
        (lambda pair: ["--host", "127.0.0.1", "--port", "70000"], 2, "between 1 and 65535"),
        (lambda pair: [], 2, "--host or --none"),
        (lambda pair: ["--host", "127.0.0.1", "--none"], 2, "--host or --none"),
    ],
)
def test_what_is_no_replica_of_this_hospital_is_refused_and_nothing_changes(
    home: Platform, pair: Pair, options: Any, exit_code: int, words: str
) -> None:
    outcome = command(home, "hospital", "set-replica", "beta", *options(pair))
    assert outcome.exit_code == exit_code, outcome.output
    assert words in outcome.stderr
    with home.app.app_context(), bind_hospital("beta") as entry:
        assert entry.whereabouts is not None
        assert entry.whereabouts.replica is None


def test_an_unknown_hospital_has_no_replica(home: Platform) -> None:
    outcome = command(home, "hospital", "set-replica", "nobody", "--host", "127.0.0.1")
    assert outcome.exit_code == 3


def test_a_replica_can_be_taken_out_again(home: Platform, pair: Pair) -> None:
    place = ["--host", "127.0.0.1", "--port", str(pair.replica.port)]
    assert command(home, "hospital", "set-replica", "beta", *place).exit_code == 0
    with home.app.app_context(), bind_hospital("beta"), reading_replica() as there:
        assert there
    assert command(home, "hospital", "set-replica", "beta", "--none").exit_code == 0
    with home.app.app_context(), bind_hospital("beta"), reading_replica() as there:
        assert not there
