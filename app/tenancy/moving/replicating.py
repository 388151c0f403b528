"""Logical replication of one database to another server: begun, looked at, ended. Nothing of it may be left behind.

Publication, subscription, slot and the role that the new server signs in with bear the name of the operation, so that
what a dead process left is found by its name and known to be ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from app.core import clock
from app.core.addresses import hosts_and_ports
from app.core.unit_of_work import unit_of_work
from app.tenancy.cluster import Cluster, database_exists, new_password, role_exists
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.models import DatabaseCluster
from app.tenancy.moving.comparing import SEQUENCES, TABLES
from app.tenancy.moving.errors import NoFreeSlot, ReplicationStopped, SourceNotReached
from app.tenancy.moving.slots import drop_slot

SIGN_IN_FOR = timedelta(days=7)
CONNECT_SECONDS = 10
LONGEST_SAID = 200
SYNCED = """
SELECT count(*) FILTER (WHERE r.srsubstate = 'r'), count(*),
    (SELECT coalesce(sum(apply_error_count + sync_error_count), 0)::int FROM pg_stat_subscription_stats
        WHERE subname = %(name)s)
FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid WHERE s.subname = %(name)s
"""
LAG = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint, wal_status
FROM pg_replication_slots WHERE slot_name = %s
"""
SLOTS = """
SELECT slot_name::text FROM pg_replication_slots
WHERE database = %(database)s AND (slot_name = %(name)s
    OR slot_name ~ ('^pg_[0-9]+_sync_[0-9]+_' || %(system)s || '$'))
"""


@dataclass(frozen=True, slots=True)
class Link:
    """The replication of one move: from a database on one server to a database on another."""

    name: str
    source: Cluster
    source_id: UUID
    database: str
    target: Cluster
    new: str
    system: str


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the copy is behind."""

    tables: int
    of_tables: int
    bytes: int
    errors: int

    @property
    def copied(self) -> bool:
        """Tell whether every table's first copy is done."""
        return self.tables == self.of_tables > 0


def begin(link: Link) -> None:
    """Publish the database and have the new server copy and follow it; raises SourceNotReached or NoFreeSlot."""
    password = new_password()
    name = sql.Identifier(link.name)
    with link.source.connect(link.database) as here:
        # Only who owns the tables may read them all, whatever is added; that this role ends is seen to by `end`.
        verb = sql.SQL("ALTER" if role_exists(here, link.name) else "CREATE")
        until = (clock.now() + SIGN_IN_FOR).isoformat()
        here.execute(
            sql.SQL("{} ROLE {} LOGIN REPLICATION INHERIT CONNECTION LIMIT 10 PASSWORD {} VALID UNTIL {}").format(
                verb, name, password, until
            )
        )
        here.execute(sql.SQL("GRANT vien_owner TO {}").format(name))
        tables = [sql.Identifier("public", row[0]) for row in here.execute(TABLES)]
        with here.transaction():
            here.execute("SET LOCAL ROLE vien_owner")
            here.execute(
                sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)").format(
                    name, sql.SQL(", ").join(tables)
                )
            )
    with link.target.connect(link.new) as there:
        try:
            there.execute(
                sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (copy_data = true)").format(
                    name, _address(link, password), name
                )
            )
        except (psycopg.errors.ConnectionFailure, psycopg.errors.ConfigurationLimitExceeded) as error:
            raise _refusal(link, error) from error
        except psycopg.OperationalError as error:
            raise SourceNotReached(link.source.address, _words(error)) from error


def distance(link: Link) -> Distance:
    """Look how far the copy is; raises ReplicationStopped where its slot is lost."""
    with link.target.connect(link.new) as there:
        row = there.execute(SYNCED, {"name": link.name}).fetchone()
    with link.source.connect() as here:
        slot = here.execute(LAG, (link.name,)).fetchone()
    if row is None or row[1] == 0 or slot is None:
        raise ReplicationStopped("its subscription or slot is gone")
    if slot[1] == "lost":
        raise ReplicationStopped("the old server has thrown away what was still to be sent (max_slot_wal_keep_size)")
    return Distance(row[0], row[1], max(0, slot[0] or 0), row[2])


def mark(link: Link) -> str:
    """Return the position behind everything that was written, made durable; for when nobody writes any more."""
    with link.source.connect(link.database) as here:
        here.execute("SET synchronous_commit = on")
        here.execute("SELECT pg_logical_emit_message(true, 'vien', 'moved')")
        row = here.execute("SELECT pg_current_wal_lsn()::text").fetchone()
    assert row is not None
    return str(row[0])


def has_reached(link: Link, position: str) -> bool:
    """Tell whether the new server has written everything up to a position."""
    with link.source.connect() as here:
        query = "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
        row = here.execute(query, (position, link.name)).fetchone()
    return row is not None and bool(row[0])


def carry_sequences(link: Link) -> int:
    """Set the copy's sequences where those of the database stand: replication leaves them alone."""
    with link.source.connect(link.database) as here, link.target.connect(link.new) as there:
        names = here.execute(SEQUENCES).fetchall()
        for schema, name in names:
            sequence = sql.Identifier(schema, name)
            row = here.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sequence)).fetchone()
            assert row is not None
            there.execute("SELECT setval(%s::regclass, %s, %s)", (sequence.as_string(there), *row))
    return len(names)


def end(link: Link) -> None:
    """Take everything away on both servers, each whether or not the other answers; harmless where there is nothing.

    Raises what the first server that failed said, once both were tried.
    """
    failed: Exception | None = None
    try:
        _end_subscription(link)
    except psycopg.Error as error:
        failed = error
    _end_source(link)
    if failed is not None:
        raise failed


def _end_subscription(link: Link) -> None:
    """Drop the subscription without asking the old server for it."""
    name = sql.Identifier(link.name)
    with link.target.connect() as there:
        found = database_exists(there, link.new)
    if found:
        with link.target.connect(link.new) as inside:
            if inside.execute("SELECT 1 FROM pg_subscription WHERE subname = %s", (link.name,)).fetchone():
                inside.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
                inside.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
                inside.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))


def _end_source(link: Link) -> None:
    """Close the role, so that nobody comes back; then the slots, which keep the disk full; then the publication."""
    drop_login(link.source, link.name)
    with link.source.connect() as here:
        if not database_exists(here, link.database):
            return
        left = here.execute(SLOTS, {"database": link.database, "name": link.name, "system": link.system}).fetchall()
    for (slot,) in left:
        drop_slot(link.source, slot)
    with link.source.connect(link.database) as inside:
        inside.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(link.name)))


def _address(link: Link, password: str) -> str:
    """Return where the new server finds the old one: as portals do, past every pooler."""
    with unit_of_work() as session:
        row = session.get_one(DatabaseCluster, link.source_id)
        host, port = hosts_and_ports(row.host, row.port)
        facts: dict[str, Any] = {"sslmode": row.tls_mode, "target_session_attrs": row.target_session_attrs}
    return psycopg.conninfo.make_conninfo(
        "",
        host=host,
        port=port,
        dbname=link.database,
        user=link.name,
        password=password,
        connect_timeout=CONNECT_SECONDS,
        application_name=link.name,
        **facts,
    )


def _refusal(link: Link, error: psycopg.Error) -> Exception:
    if "slots are in use" in str(error):
        return NoFreeSlot(link.source.address, "max_replication_slots")
    return SourceNotReached(link.source.address, _words(error))


def _words(error: psycopg.Error) -> str:
    """Return what the server said, without what may hold an address with its password."""
    return (str(error).splitlines() or ["?"])[0][:LONGEST_SAID]
