"""What both servers must allow before a hospital is moved; each check says what is missing and changes nothing."""

from __future__ import annotations

from typing import Any

import psycopg

from app.tenancy.cluster import Cluster, may_administer
from app.tenancy.cluster_errors import ClusterLacksRights
from app.tenancy.moving.errors import (
    ExtensionsMissing,
    NoDiskThere,
    NoFreeSlot,
    NotReplicable,
    OtherEncoding,
    ReplicationNotPermitted,
    SameCluster,
    TargetOlder,
    WalLevelTooLow,
)

MB = 1024**2
FIRST_WITH_RIGHTS_BY_ROLE = 160_000
SYSTEM = "SELECT system_identifier FROM pg_control_system()"
SIZE = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s"
FILLED = """
SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database
WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
"""
EXTENSIONS = "SELECT extname::text FROM pg_extension"
AVAILABLE = "SELECT name::text FROM pg_available_extensions"
# What logical replication leaves out in silence, or stumbles over at the first update.
NOT_REPLICABLE = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p')
    AND (c.relpersistence <> 'p' OR n.nspname <> 'public' OR (c.relreplident IN ('d', 'n')
        AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)))
UNION ALL SELECT 'large objects' WHERE EXISTS (SELECT 1 FROM pg_largeobject_metadata)
UNION ALL SELECT 'trigger ' || tgname || ' (ENABLE ALWAYS)' FROM pg_trigger WHERE tgenabled IN ('A', 'R')
ORDER BY 1
"""
MAY_PUBLISH = "SELECT rolsuper OR (rolreplication AND %s) FROM pg_roles WHERE rolname = current_user"
MAY_SUBSCRIBE = "SELECT pg_has_role('pg_create_subscription', 'MEMBER')"
FREE = (
    ("max_replication_slots", "SELECT count(*) FROM pg_replication_slots"),
    ("max_wal_senders", "SELECT count(*) FROM pg_stat_replication"),
)


def check_both(source: Cluster, target: Cluster, database: str, capacity_gb: int | None) -> tuple[int, str]:
    """Refuse a server that cannot take the database by any method; return its size, and how the new server is known."""
    with target.connect() as there:
        if not may_administer(there):
            raise ClusterLacksRights(target.address, there.info.user)
        system, version = _value(there, SYSTEM), there.info.server_version
        encoding, filled = _value(there, "SHOW server_encoding"), _value(there, FILLED)
        available = {row[0] for row in there.execute(AVAILABLE)}
    with source.connect(database) as here:
        if _value(here, SYSTEM) == system:
            raise SameCluster
        if version // 10_000 < here.info.server_version // 10_000:
            raise TargetOlder(here.info.server_version // 10_000, version // 10_000)
        size = int(_value(here, SIZE, (database,)))
        missing = sorted({row[0] for row in here.execute(EXTENSIONS)} - available)
    if missing:
        raise ExtensionsMissing(missing)
    if encoding != "UTF8":
        raise OtherEncoding(encoding)
    if capacity_gb is not None and filled + size > capacity_gb * 1024 * MB:
        raise NoDiskThere(size // MB + 1, max(0, capacity_gb * 1024 - filled // MB))
    return size, str(system)


def check_replication(source: Cluster, target: Cluster, database: str) -> None:
    """Refuse what logical replication needs and does not find."""
    with source.connect(database) as here:
        level = _value(here, "SHOW wal_level")
        if level != "logical":
            raise WalLevelTooLow(source.address, level)
        if not _value(here, MAY_PUBLISH, (here.info.server_version >= FIRST_WITH_RIGHTS_BY_ROLE,)):
            raise ReplicationNotPermitted(source.address)
        for setting, used in FREE:
            if int(_value(here, used)) + 2 > int(_value(here, f"SHOW {setting}")):
                raise NoFreeSlot(source.address, setting)
        if left_out := [row[0] for row in here.execute(NOT_REPLICABLE)]:
            raise NotReplicable(left_out)
    with target.connect() as there:
        if not _may_subscribe(there):
            raise ReplicationNotPermitted(target.address)
        if int(_value(there, "SHOW max_logical_replication_workers")) < 2:
            raise NoFreeSlot(target.address, "max_logical_replication_workers")


def _may_subscribe(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a role may subscribe: a superuser, since PostgreSQL 16 also who was given the right."""
    if _value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return True
    return connection.info.server_version >= FIRST_WITH_RIGHTS_BY_ROLE and bool(_value(connection, MAY_SUBSCRIBE))


def _value(connection: psycopg.Connection[Any], query: str, values: tuple[Any, ...] | None = None) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]
