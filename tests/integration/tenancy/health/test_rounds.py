"""The round of every minute: what is asked, what is noted, and that nobody waits for somebody else's database."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.centre.sync import synchronise
from app.domain.messages.models import AppointmentReminder, Channel
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.engines import connect
from app.tenancy.errors import UnknownHospital
from app.tenancy.health import HealthReading, check_all, check_hospital, check_one, hospitals, reading, rounds, stores
from app.tenancy.health.reading import GB, STORE, Known
from app.tenancy.health.rounds import list_subjects
from app.tenancy.health.servers import check_server, list_servers
from app.tenancy.models import (
    Backup,
    BackupState,
    DatabaseCluster,
    HealthCheck,
    HealthStatus,
    Hospital,
    HospitalDatabase,
)
from app.tenancy.registry import HospitalEntry
from app.tenancy.replicas import ReplicaAddress, seal_replica
from app.tenancy.schema import head_revision
from tests.factories import make_appointment, make_patient
from tests.support.platform import ACTOR, Platform


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def reading_of(code: str, **known: Any) -> Any:
    entry, facts = next(subject for subject in list_subjects() if subject[0].code == code)
    return check_hospital(entry, replace(facts, **known))


def test_a_hospital_in_order_tells_everything_that_is_watched(context: Flask) -> None:
    reading = reading_of("alpha")
    assert reading.status is HealthStatus.UP
    assert reading.details["connection_limit"] == 40
    assert reading.details["in_recovery"] is False
    assert reading.details["outbox_waiting"] == 0
    expected = {"outbox_age", "reminder_age", "backup_age", "proven_age"}
    assert expected <= {name for name, value in reading.details.items() if value is None}


def test_queues_that_stand_still_are_seen(context: Flask, alpha: str, bound: Any) -> None:
    with clock.frozen_at(clock.now() - timedelta(hours=1)), bound(alpha):
        patient = make_patient()
        record_change(ACTOR, "patient.register", subject_type="patient", subject_id=patient.id, event={})
    reading = reading_of(alpha)
    assert (reading.status, reading.details["reason"]) == (HealthStatus.DEGRADED, "queue_old")
    assert reading.details["outbox_waiting"] == 1
    assert reading.details["outbox_age"] >= 3_590
    with bound(alpha):
        db.session.execute(
            sa.text("UPDATE outbox_events SET position = 7"), bind_arguments={"mapper": AppointmentReminder}
        )
    assert reading_of(alpha, position=6).details["outbox_waiting"] == 1
    assert reading_of(alpha, position=7).details["outbox_waiting"] == 0


def test_one_hospital_is_judged_by_what_the_centre_has_heard_of_it(context: Flask, alpha: str, bound: Any) -> None:
    with clock.frozen_at(clock.now() - timedelta(hours=1)), bound(alpha):
        record_change(ACTOR, "patient.register", subject_type="patient", subject_id=make_patient().id, event={})
    assert check_one(alpha).details["reason"] == "queue_old"
    assert synchronise(alpha) == 1
    reading = check_one(alpha)
    assert (reading.status, reading.details["outbox_waiting"]) == (HealthStatus.UP, 0)
    with pytest.raises(UnknownHospital):
        check_one("nowhere")


def test_a_reminder_that_nobody_sends_is_seen_and_none_is_missed_while_suspended(
    context: Flask, alpha: str, bound: Any
) -> None:
    with bound(alpha):
        appointment = make_appointment()
        long_ago = clock.now() - timedelta(hours=2)
        db.session.add(
            AppointmentReminder(
                appointment_id=appointment.id, rule="1_day", channel=Channel.EMAIL, due_at=long_ago, created_at=long_ago
            )
        )
    reading = reading_of(alpha)
    assert reading.details["reminder_age"] >= 7_190
    assert reading.details["reasons"] == ["queue_old"]
    assert reading_of(alpha, serving=False).status is HealthStatus.UP


def test_a_backup_that_is_missing_is_seen_after_the_second_time(context: Flask, alpha: str) -> None:
    long_ago = clock.now() - timedelta(hours=49)
    assert reading_of(alpha, since=long_ago).details["reason"] == "backup_old"
    with unit_of_work() as session:
        session.add(
            Backup(
                hospital_id=tenancy().registry.get_by_code(alpha).id,
                reason="manual",
                state=BackupState.COMPLETE,
                location="alpha/1",
                finished_at=clock.now() - timedelta(hours=3),
                proven_at=clock.now() - timedelta(hours=2),
            )
        )
    reading = reading_of(alpha, since=long_ago)
    assert reading.status is HealthStatus.UP
    assert reading.details["backup_age"] == pytest.approx(3 * 3600, abs=600)
    assert reading.details["proven_age"] == pytest.approx(2 * 3600, abs=600)
    assert reading_of(alpha, since=long_ago, backup_every=timedelta(hours=1)).details["reason"] == "backup_old"


def test_a_full_disk_is_worse_than_a_slow_answer(context: Flask, alpha: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(hospitals, "SLOW_MS", 0)
    monkeypatch.setattr(hospitals, "GB", 1)
    assert reading_of(alpha).details["reasons"][:2] == ["disk_full", "slow"]


def test_a_schema_that_is_behind_is_noted_in_the_registry_and_hurts_nobody(
    context: Flask, alpha: str, monkeypatch: Any
) -> None:
    with unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == alpha).values(schema_revision="h000"))
    check_all()
    with unit_of_work() as session:
        noted = session.scalar(sa.select(Hospital.schema_revision).where(Hospital.code == alpha))
    assert noted == head_revision("hospital")
    monkeypatch.setattr("app.tenancy.health.hospitals.head_revision", lambda _history: "h999")
    reading = reading_of(alpha)
    assert (reading.status, reading.details["reason"]) == (HealthStatus.UP, "behind")


def test_what_a_migration_has_written_meanwhile_is_not_written_over(context: Flask, alpha: str) -> None:
    subjects = [(entry, replace(known, revision="h000")) for entry, known in list_subjects()]
    readings = [check_hospital(*subject) for subject in subjects]
    with unit_of_work() as session:
        session.execute(sa.update(Hospital).values(schema_revision="h999"))
    rounds._note_revisions(subjects, readings)
    with unit_of_work() as session:
        assert set(session.scalars(sa.select(Hospital.schema_revision))) == {"h999"}
        session.execute(sa.update(Hospital).values(schema_revision=head_revision("hospital")))


def test_a_replica_is_asked_with_the_hospitals_role_and_one_that_is_away_is_said(context: Flask, alpha: str) -> None:
    place = tenancy().registry.get_by_code(alpha).whereabouts
    assert place is not None
    try:
        set_replica(context, alpha, ReplicaAddress(place.host, place.port, place.tls_mode))
        reading = reading_of(alpha)
        assert (reading.status, reading.details["replica_in_recovery"]) == (HealthStatus.UP, False)
        set_replica(context, alpha, ReplicaAddress("127.0.0.1", 1, place.tls_mode))
        reading = reading_of(alpha)
        assert (reading.details["reasons"], reading.details["replica_error"]) == (["replica"], "unreachable")
    finally:
        set_replica(context, alpha, None)


def test_a_hospital_whose_database_hangs_delays_nobody(context: Flask, monkeypatch: Any) -> None:
    """Twenty hospitals that never answer, sixteen at once: two rounds of the limit, and the others within it."""
    subjects = list_subjects()
    looking: list[None] = []
    together: list[int] = []

    def check(entry: HospitalEntry, known: Known) -> HealthReading:
        looking.append(None)
        together.append(len(looking))
        try:
            return check_hospital(entry, known)
        finally:
            looking.pop()

    with silent_server() as port:
        alpha = subjects[0]
        assert alpha[0].whereabouts is not None
        hanging = replace(alpha[0], whereabouts=replace(alpha[0].whereabouts, host="127.0.0.1", port=port))
        monkeypatch.setattr(rounds, "list_subjects", lambda: [(hanging, alpha[1])] * 20 + [subjects[1]] * 30)
        monkeypatch.setattr(rounds, "_note_revisions", lambda *_: None)
        monkeypatch.setattr(rounds, "check_hospital", check)
        monkeypatch.setattr(hospitals, "connect", lambda place, most: connect(place, 3 if place.port == port else most))
        monkeypatch.setattr(reading, "CONNECT_SECONDS", 3)
        readings = check_all()
    assert [reading.status for reading in readings[20:]] == [HealthStatus.UP] * 30
    assert {reading.details["reason"] for reading in readings[:20]} == {"no_answer"}
    assert max(together) > 1, "one after the other"


def test_forty_hospitals_are_looked_at_together(context: Flask) -> None:
    with ThreadPoolExecutor(rounds.PARALLEL) as pool:
        readings = list(pool.map(lambda subject: check_hospital(*subject), list_subjects()[:1] * 40))
    assert {reading.status for reading in readings} == {HealthStatus.UP}


def test_servers_and_the_store_have_rows_of_their_own(context: Flask, monkeypatch: Any) -> None:
    monkeypatch.setitem(stores._stores, STORE, lambda: {"free_bytes": 5, "total_bytes": 100})
    check_all()
    with unit_of_work() as session:
        rows = {
            row.service: row for row in session.scalars(sa.select(HealthCheck).where(HealthCheck.hospital_id.is_(None)))
        }
        assert set(rows) == {"cluster:main", STORE}
        main = rows["cluster:main"]
        assert main.status is HealthStatus.UP
        assert main.details["databases"] == 2
        assert main.details["size_bytes"] > 10_000_000
        assert 0 < main.details["connections"] < main.details["connection_limit"]
        assert (rows[STORE].status, rows[STORE].details["reason"]) == (HealthStatus.DEGRADED, "disk_full")


def test_a_server_says_when_its_disk_or_its_connections_run_out(context: Flask, monkeypatch: Any) -> None:
    name, _, cluster = list_servers()[0]
    assert check_server(name, 10, cluster, 10 * GB, 3).details["reason"] == "disk_full"
    monkeypatch.setattr("app.tenancy.health.servers.NEARLY_FULL", 0)
    assert check_server(name, None, cluster, 10 * GB, 3).details["reason"] == "nearly_full"


def test_a_server_that_is_away_is_down_without_its_password(context: Flask) -> None:
    reading = check_server("hanoi", None, Cluster("postgresql://admin:geheim@127.0.0.1:1/postgres"), 0, 0)
    expected = (HealthStatus.DOWN, "cluster:hanoi", "unreachable")
    assert (reading.status, reading.service, reading.details["reason"]) == expected
    assert "geheim" not in f"{reading}"


def test_a_server_without_an_administrative_address_here_is_passed_by(platform: Platform, context: Flask) -> None:
    place = {"region": "vn", "host": "127.0.0.1", "port": 1, "admin_credential": "env:CLUSTER_ADMIN_URLS#hanoi"}
    with unit_of_work() as session:
        session.add(DatabaseCluster(name="hanoi", **place))
    try:
        assert [row[0] for row in list_servers()] == ["main"]
    finally:
        with platform.admin() as connection:
            connection.execute("DELETE FROM database_clusters WHERE name = 'hanoi'")


def test_a_store_that_raises_is_down_and_stops_nothing(context: Flask, monkeypatch: Any) -> None:
    def broken() -> dict[str, Any]:
        raise OSError("disk gone")

    monkeypatch.setitem(stores._stores, STORE, broken)
    assert len(check_all()) == 2
    with unit_of_work() as session:
        row = session.scalars(sa.select(HealthCheck).where(HealthCheck.service == STORE)).one()
        assert (row.status, row.error) == (HealthStatus.DOWN, "disk gone")


def set_replica(app: Flask, code: str, address: ReplicaAddress | None) -> None:
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase).join(Hospital).where(Hospital.code == code)
        seal_replica(app.extensions["keyring"], session.scalars(query).one(), address)


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a port, accept, and say nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]
