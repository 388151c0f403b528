"""How one hospital's database answers: asked with the hospital's own role, within a limit of its own."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import psycopg

from app.core import clock
from app.core.logging import get_logger
from app.tenancy.engines import connect
from app.tenancy.health.facts import facts_query
from app.tenancy.health.reading import (
    CONNECT_SECONDS,
    DISK_FULL,
    GB,
    NEARLY_FULL,
    QUEUE_OLD_SECONDS,
    REPLICA_BEHIND_SECONDS,
    SLOW_MS,
    HealthReading,
    Known,
    answering,
    ms_since,
    reason_of,
    without_secrets,
)
from app.tenancy.making import CONNECTION_LIMIT
from app.tenancy.models import HealthStatus
from app.tenancy.registry import HospitalEntry, Whereabouts
from app.tenancy.schema import head_revision

log = get_logger(__name__)

REPLICA = """
SELECT pg_is_in_recovery(), CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
    ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float
"""
# What is wrong although the database answers, the worst first. A schema that is behind is noted and harms nobody:
# the running code serves old and new ones.
NOTED_ONLY = "behind"


def check_hospital(entry: HospitalEntry, known: Known | None = None) -> HealthReading:
    """Connect with the hospital's own role and ask how the database does; never raises."""
    if entry.whereabouts is None:
        return _down(entry, "no_place", "the hospital has no database, or its credentials cannot be opened")
    known = known or Known()
    query, names = facts_query()
    started = time.perf_counter()
    try:
        connection = connect(entry.whereabouts, CONNECT_SECONDS)
        with answering(connection):
            connected_ms = ms_since(started)
            row = connection.execute(query, {"position": known.position}).fetchone()
    except psycopg.Error as error:
        reason = reason_of(error, time.perf_counter() - started)
        return _down(entry, reason, without_secrets(error, *_secrets(entry.whereabouts)))
    answered_ms = ms_since(started)
    if row is None or row[0] != entry.id:
        log.critical("database belongs to somebody else", hospital=entry.code)
        return _down(entry, "wrong_database", "the database says that it belongs to another hospital")
    facts = dict(zip(("size_bytes", "connections", "revision", "in_recovery", *names), row[1:], strict=True))
    return _judge(entry, known, {**facts, "connect_ms": connected_ms}, answered_ms)


def _judge(entry: HospitalEntry, known: Known, facts: dict[str, Any], answered_ms: float) -> HealthReading:
    facts |= {"connection_limit": CONNECTION_LIMIT, **_ages(known)}
    replica = entry.whereabouts.at_replica() if entry.whereabouts else None
    if replica is not None:
        facts |= _ask_replica(replica)
    reasons = _reasons(known, facts, answered_ms)
    if reasons:
        facts |= {"reason": reasons[0], "reasons": reasons}
    degraded = any(reason != NOTED_ONLY for reason in reasons)
    return HealthReading(
        hospital_id=entry.id,
        code=entry.code,
        status=HealthStatus.DEGRADED if degraded else HealthStatus.UP,
        checked_at=clock.now(),
        response_ms=answered_ms,
        details=facts,
    )


def _reasons(known: Known, facts: dict[str, Any], answered_ms: float) -> list[str]:
    queues = [facts.get("reminder_age"), facts.get("outbox_age") if known.position is not None else None]
    tests = {
        "disk_full": facts["size_bytes"] >= (known.max_storage_gb or 1_000_000) * GB * DISK_FULL,
        "nearly_full": facts["connections"] >= CONNECTION_LIMIT * NEARLY_FULL,
        "slow": answered_ms > SLOW_MS,
        "queue_old": known.serving and any(age is not None and age > QUEUE_OLD_SECONDS for age in queues),
        "replica": facts.get("replica_error") is not None or (facts.get("replica_lag") or 0) > REPLICA_BEHIND_SECONDS,
        "backup_old": known.serving and _is_backup_old(known),
        NOTED_ONLY: facts["revision"] != head_revision("hospital"),
    }
    return [reason for reason, holds in tests.items() if holds]


def _is_backup_old(known: Known) -> bool:
    """One missed backup is an accident, two are a fault; a hospital without any is as old as itself."""
    last = known.backed_up_at or known.since
    return last is not None and clock.now() - last > 2 * known.backup_every


def _ages(known: Known) -> dict[str, Any]:
    return {"backup_age": _age(known.backed_up_at), "proven_age": _age(known.proven_at)}


def _age(moment: datetime | None) -> int | None:
    return None if moment is None else round((clock.now() - moment).total_seconds())


def _ask_replica(place: Whereabouts) -> dict[str, Any]:
    try:
        connection = connect(place, CONNECT_SECONDS)
        with answering(connection):
            row = connection.execute(REPLICA).fetchone()
    except psycopg.Error as error:
        return {"replica_error": reason_of(error, 0)}
    return {"replica_in_recovery": row[0], "replica_lag": row[1]} if row else {"replica_error": "other"}


def _down(entry: HospitalEntry, reason: str, error: str) -> HealthReading:
    return HealthReading(
        hospital_id=entry.id,
        code=entry.code,
        status=HealthStatus.DOWN,
        checked_at=clock.now(),
        details={"reason": reason},
        error=error,
    )


def _secrets(place: Whereabouts) -> tuple[str, ...]:
    return (place.password, place.role, place.database)
