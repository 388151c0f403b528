"""What one check of one service says, and the limits by which it is judged."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from app.tenancy.models import HealthStatus

SERVICE = "database"
STORE = "backup-store"
SERVER = "cluster:"
SLOW_MS = 1_000
NEARLY_FULL = 0.8
DISK_FULL = 0.9
QUEUE_OLD_SECONDS = 900
REPLICA_BEHIND_SECONDS = 300
BACKUP_EVERY_HOURS = 24
CONNECT_SECONDS = 3
ANSWER_SECONDS = 3
GB = 1024**3

# What a failure is called in a row; the portal says it in the reader's language.
REASONS = {"28": "credentials", "3D": "no_database", "42": "schema", "53": "full", "57": "stopping"}


@dataclass(frozen=True, slots=True)
class HealthReading:
    """How a service answered just now; no hospital: one of the platform's own, and `code` names it."""

    hospital_id: UUID | None
    code: str
    status: HealthStatus
    checked_at: datetime
    response_ms: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    service: str = SERVICE


@dataclass(frozen=True, slots=True)
class Known:
    """What the centre knows of a hospital before it is asked; without a position its outbox is not judged."""

    serving: bool = True
    position: int | None = None
    revision: str | None = None
    max_storage_gb: int | None = None
    since: datetime | None = None
    backed_up_at: datetime | None = None
    proven_at: datetime | None = None
    backup_every: timedelta = timedelta(hours=BACKUP_EVERY_HOURS)
    server: str | None = None


@contextmanager
def answering(connection: psycopg.Connection[Any], seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """Let what happens inside take so long and no longer: afterwards the line is cut, and the connection closed."""
    timer = threading.Timer(seconds, _hang_up, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def ms_since(started: float) -> float:
    """Return the milliseconds since a moment of the performance counter."""
    return round((time.perf_counter() - started) * 1_000, 1)


def reason_of(error: psycopg.Error, seconds: float) -> str:
    """Name what went wrong."""
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


def without_secrets(error: Exception, *secrets: str) -> str:
    """Return the first line of an error without the names and the password that open a database."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return text[:300]


def _hang_up(connection: psycopg.Connection[Any]) -> None:
    """Cut the line from our side: a server that hangs does not run its own statement timeout either."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
