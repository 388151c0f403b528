"""Checking hospitals' databases: with their own role, each within its limit, one that is down told apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.health import (
    SERVICE,
    HealthReading,
    check_all,
    check_hospital,
    hospitals,
    list_entries,
    reading,
    record_readings,
)
from app.tenancy.models import HealthCheck, HealthStatus, Hospital, HospitalDatabase
from app.tenancy.registry import HospitalEntry
from app.tenancy.schema import head_revision
from tests.support.platform import Platform


def entry_of(code: str, **place: object) -> HospitalEntry:
    """Return a hospital's entry with something about its place changed."""
    entry = tenancy().registry.get_by_code(code)
    assert entry.whereabouts is not None
    return replace(entry, whereabouts=replace(entry.whereabouts, **place))  # type: ignore[arg-type]


def test_a_hospital_that_answers_is_up_and_tells_its_size(app: Flask) -> None:
    with app.app_context():
        reading = check_hospital(entry_of("alpha"))
    assert reading.status is HealthStatus.UP
    assert reading.response_ms is not None
    assert reading.details["size_bytes"] > 1_000_000
    assert reading.details["revision"] == head_revision("hospital")
    assert reading.details["connections"] >= 1


def test_a_wrong_password_is_told_and_not_repeated(app: Flask) -> None:
    with app.app_context():
        entry = entry_of("alpha", password="khong-phai-mat-khau")
        reading = check_hospital(entry)
    if reading.status is HealthStatus.UP:
        return  # a server that trusts loopback asks for none
    assert reading.details["reason"] == "credentials"
    assert_tells_no_secret(reading, entry)


def test_a_database_that_is_gone_is_down(app: Flask) -> None:
    with app.app_context():
        entry = entry_of("alpha", database="vh_0000000000000000")
        reading = check_hospital(entry)
    assert (reading.status, reading.details["reason"]) == (HealthStatus.DOWN, "no_database")
    assert_tells_no_secret(reading, entry)


def test_a_server_that_is_away_is_down_at_once(app: Flask) -> None:
    with app.app_context():
        reading = check_hospital(entry_of("alpha", port=1))
    assert (reading.status, reading.details["reason"]) == (HealthStatus.DOWN, "unreachable")


def test_a_server_that_never_answers_costs_its_own_limit_only(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (hospitals, reading):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 3)
    with app.app_context(), silent_server() as port:
        found = check_hospital(entry_of("alpha", host="127.0.0.1", port=port))
    assert (found.status, found.details["reason"]) == (HealthStatus.DOWN, "no_answer")


def test_another_hospitals_database_is_not_called_healthy(app: Flask) -> None:
    with app.app_context():
        alpha, beta = (tenancy().registry.get_by_code(code) for code in ("alpha", "beta"))
        reading = check_hospital(replace(alpha, whereabouts=beta.whereabouts))
    assert (reading.status, reading.details["reason"]) == (HealthStatus.DOWN, "wrong_database")


def test_every_hospital_gets_a_row_and_old_rows_go(app: Flask) -> None:
    with app.app_context():
        with clock.frozen_at(clock.now() - timedelta(days=8)):
            entry = tenancy().registry.get_by_code("alpha")
            old = HealthReading(entry.id, "alpha", HealthStatus.UP, clock.now())
            record_readings([old])
        readings = check_all()
        with unit_of_work() as session:
            query = sa.select(HealthCheck.hospital_id, HealthCheck.status)
            rows = session.execute(query.where(HealthCheck.service == SERVICE)).all()
    assert sorted(reading.code for reading in readings) == ["alpha", "beta"]
    assert sorted(map(tuple, rows)) == sorted((reading.hospital_id, HealthStatus.UP) for reading in readings)


def test_credentials_that_cannot_be_opened_do_not_stop_the_round(platform: Platform, app: Flask) -> None:
    with app.app_context():
        place = sa.select(HospitalDatabase.id, HospitalDatabase.password_key_id).join(Hospital)
        with unit_of_work() as session:
            database_id, key_id = session.execute(place.where(Hospital.code == "alpha")).one()
            session.execute(set_key(database_id, "gone"))
        try:
            entries = list_entries()
            statuses = {reading.code: reading.status for reading in map(check_hospital, entries)}
        finally:
            with unit_of_work() as session:
                session.execute(set_key(database_id, key_id))
    assert statuses == {"alpha": HealthStatus.DOWN, "beta": HealthStatus.UP}


def set_key(database_id: object, key_id: str) -> sa.Update:
    """Say under which key a hospital's password is sealed."""
    return sa.update(HospitalDatabase).where(HospitalDatabase.id == database_id).values(password_key_id=key_id)


def assert_tells_no_secret(reading: HealthReading, entry: HospitalEntry) -> None:
    """Assert that an error names neither role, database nor password."""
    assert entry.whereabouts is not None
    for secret in (entry.whereabouts.password, entry.whereabouts.role, entry.whereabouts.database):
        assert secret not in (reading.error or "")


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a port, accept, and say nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]
