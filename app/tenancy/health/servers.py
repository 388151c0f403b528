"""How the PostgreSQL servers do: reachable, how full of connections and of data, with which replicas."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import sqlalchemy as sa

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import NoAdministrativeAddress, administer
from app.tenancy.cluster import Cluster
from app.tenancy.health.reading import (
    CONNECT_SECONDS,
    DISK_FULL,
    GB,
    NEARLY_FULL,
    REPLICA_BEHIND_SECONDS,
    SERVER,
    SLOW_MS,
    HealthReading,
    answering,
    ms_since,
    reason_of,
    without_secrets,
)
from app.tenancy.models import DatabaseCluster, HealthStatus

FACTS = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
    pg_is_in_recovery(),
    current_setting('server_version'),
    (SELECT coalesce(json_agg(json_build_object('name', application_name, 'state', state,
        'lag', extract(epoch FROM replay_lag))), '[]') FROM pg_stat_replication)
"""


def list_servers() -> list[tuple[str, int | None, Cluster]]:
    """Return the servers whose administrative address this process has, with the disk that they may fill in GB."""
    found = []
    with unit_of_work() as session:
        for place in session.scalars(sa.select(DatabaseCluster).order_by(DatabaseCluster.name)):
            try:
                found.append((place.name, place.capacity_gb, administer(place)))
            except NoAdministrativeAddress:  # said by the settings' own check; nothing can be asked here
                continue
    return found


def check_server(
    name: str, capacity_gb: int | None, cluster: Cluster, size_bytes: int, databases: int
) -> HealthReading:
    """Ask a server how it does; `size_bytes` is the sum of its hospitals' databases. Never raises."""
    started = time.perf_counter()
    address = cluster.url_of("postgres")
    try:
        connection = psycopg.connect(
            cluster.conninfo(), autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="vien-health"
        )
        with answering(connection):
            row = connection.execute(FACTS).fetchone()
    except psycopg.Error as error:
        reason = reason_of(error, time.perf_counter() - started)
        said = without_secrets(error, str(address.password or ""), str(address.username or ""))
        return _reading(name, HealthStatus.DOWN, None, {"reason": reason}, said)
    facts = dict(zip(("connections", "connection_limit", "in_recovery", "version", "replicas"), row or (), strict=True))
    facts |= {"size_bytes": size_bytes, "databases": databases, "capacity_gb": capacity_gb}
    answered_ms = ms_since(started)
    reasons = _reasons(facts, answered_ms)
    if reasons:
        facts |= {"reason": reasons[0], "reasons": reasons}
    return _reading(name, HealthStatus.DEGRADED if reasons else HealthStatus.UP, answered_ms, facts)


def _reasons(facts: dict[str, Any], answered_ms: float) -> list[str]:
    capacity = facts["capacity_gb"]
    lags = [replica["lag"] or 0 for replica in facts["replicas"]]
    tests = {
        "disk_full": capacity is not None and facts["size_bytes"] >= capacity * GB * DISK_FULL,
        "nearly_full": facts["connections"] >= facts["connection_limit"] * NEARLY_FULL,
        "replica": any(lag > REPLICA_BEHIND_SECONDS for lag in lags),
        "slow": answered_ms > SLOW_MS,
    }
    return [reason for reason, holds in tests.items() if holds]


def _reading(
    name: str, status: HealthStatus, answered_ms: float | None, details: dict[str, Any], error: str | None = None
) -> HealthReading:
    return HealthReading(None, name, status, clock.now(), answered_ms, details, error, service=f"{SERVER}{name}")
