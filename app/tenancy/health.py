"""How hospitals' databases answer: each is asked with its own role, in parallel, within a limit of its own."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.crypto import CannotDecrypt
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.engines import connect
from app.tenancy.making import CONNECTION_LIMIT
from app.tenancy.models import HealthCheck, HealthStatus, Hospital, HospitalStatus
from app.tenancy.registry import HospitalEntry, Whereabouts

log = get_logger(__name__)

SERVICE = "database"
SLOW_MS = 1_000
NEARLY_FULL = 0.8
PARALLEL = 16
RAW_ROWS_KEPT = timedelta(days=7)
CONNECT_SECONDS = 3
ANSWER_SECONDS = 3
FACTS = """
SELECT hospital_id, pg_database_size(current_database()),
    (SELECT numbackends FROM pg_stat_database WHERE datname = current_database()),
    (SELECT version_num FROM alembic_version)
FROM hospital_info
"""

# What a failure is called in a row; the portal says it in the reader's language.
REASONS = {"28": "credentials", "3D": "no_database", "42": "schema", "53": "full", "57": "stopping"}


@dataclass(frozen=True, slots=True)
class HealthReading:
    """How a hospital's database answered just now."""

    hospital_id: UUID
    code: str
    status: HealthStatus
    checked_at: datetime
    response_ms: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def check_hospital(entry: HospitalEntry) -> HealthReading:
    """Connect with the hospital's own role and ask for size, connections and revision; never raises."""
    if entry.whereabouts is None:
        return _down(entry, "no_place", "the hospital has no database, or its credentials cannot be opened")
    started = time.perf_counter()
    try:
        with _connected(entry.whereabouts) as connection:
            connected_ms = _ms_since(started)
            facts = connection.execute(FACTS).fetchone()
    except psycopg.Error as error:
        return _down(entry, _reason(error, time.perf_counter() - started), _without_secrets(error, entry.whereabouts))
    return _judge(entry, facts, connected_ms, _ms_since(started))


def check_all() -> list[HealthReading]:
    """Check every hospital that has a database, write a row for each, and drop raw rows that are old."""
    entries = list_entries()
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="health") as pool:
        readings = list(pool.map(check_hospital, entries))
    record_readings(readings)
    return readings


def list_entries() -> list[HospitalEntry]:
    """Return the hospitals that are or were serving, with their whereabouts."""
    with unit_of_work() as session:
        query = (
            sa.select(Hospital)
            .where(
                Hospital.status.in_((HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)),
                Hospital.paused_at.is_(None),  # for these seconds it is meant not to answer
            )
            .options(joinedload(Hospital.database))
            .order_by(Hospital.code)
        )
        return [_entry_of(hospital) for hospital in session.scalars(query)]


def record_readings(readings: list[HealthReading]) -> None:
    """Write the readings into the central database, and prune what is older than a week."""
    rows = [
        {
            "id": new_id(),
            "hospital_id": reading.hospital_id,
            "service": SERVICE,
            "status": reading.status,
            "response_ms": reading.response_ms,
            "details": reading.details,
            "error": reading.error,
            "checked_at": reading.checked_at,
        }
        for reading in readings
    ]
    with unit_of_work() as session:
        if rows:
            session.execute(sa.insert(HealthCheck), rows)
        session.execute(sa.delete(HealthCheck).where(HealthCheck.checked_at < clock.now() - RAW_ROWS_KEPT))


@contextmanager
def _connected(place: Whereabouts) -> Iterator[psycopg.Connection[Any]]:
    connection = connect(place, CONNECT_SECONDS)
    timer = threading.Timer(ANSWER_SECONDS, _hang_up, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield connection
    finally:
        timer.cancel()
        connection.close()


def _hang_up(connection: psycopg.Connection[Any]) -> None:
    """Cut the line from our side: a server that hangs does not run its own statement timeout either."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _judge(entry: HospitalEntry, facts: Any, connect_ms: float, total_ms: float) -> HealthReading:
    if facts is None or facts[0] != entry.id:
        log.critical("database belongs to somebody else", hospital=entry.code)
        return _down(entry, "wrong_database", "the database says that it belongs to another hospital")
    _, size, connections, revision = facts
    slow, full = total_ms > SLOW_MS, connections >= CONNECTION_LIMIT * NEARLY_FULL
    return HealthReading(
        hospital_id=entry.id,
        code=entry.code,
        status=HealthStatus.DEGRADED if slow or full else HealthStatus.UP,
        checked_at=clock.now(),
        response_ms=total_ms,
        details={
            "size_bytes": size,
            "connections": connections,
            "revision": revision,
            "connect_ms": connect_ms,
            **({"reason": "slow" if slow else "nearly_full"} if slow or full else {}),
        },
    )


def _down(entry: HospitalEntry, reason: str, error: str) -> HealthReading:
    return HealthReading(
        hospital_id=entry.id,
        code=entry.code,
        status=HealthStatus.DOWN,
        checked_at=clock.now(),
        details={"reason": reason},
        error=error,
    )


def _reason(error: psycopg.Error, seconds: float) -> str:
    text = str(error)
    if error.sqlstate:
        return REASONS.get(error.sqlstate[:2], "other")
    for word, reason in (("password authentication", "credentials"), ("does not exist", "no_database")):
        if word in text:
            return reason
    if "permission denied for database" in text:
        return "credentials"
    if "too many connections" in text or "too many clients" in text:
        return "full"
    return "no_answer" if seconds >= min(CONNECT_SECONDS, ANSWER_SECONDS) else "unreachable"


def _without_secrets(error: psycopg.Error, place: Whereabouts) -> str:
    """Return the first line of an error without the names and the password that open the database."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    for secret in (place.password, place.role, place.database):
        text = text.replace(secret, "…")
    return text[:300]


def _entry_of(hospital: Hospital) -> HospitalEntry:
    registry = tenancy().registry
    try:
        return registry.entry_of(hospital)
    except CannotDecrypt:
        log.error("credentials cannot be opened", hospital=hospital.code)
        return registry.entry_of(hospital, with_place=False)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 1)
