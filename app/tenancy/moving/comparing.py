"""Comparing two databases table by table: how many rows, and a sum over a hash of every row whatever their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from psycopg import sql

from app.tenancy.cluster import Cluster
from app.tenancy.moving.errors import CopyDiffers

AT_ONCE = 3
# Partitions are counted with the table that they are parts of: where a row lies is the server's business.
TABLES = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relpages DESC, 1
"""
SEQUENCES = """
SELECT schemaname::text, sequencename::text FROM pg_sequences WHERE schemaname = 'public' ORDER BY 2
"""
# A row's text must not depend on where it is read.
SAME_WORDS = (
    "SELECT set_config(name, value, false) FROM (VALUES ('DateStyle', 'ISO, MDY'), ('TimeZone', 'UTC'),"
    " ('IntervalStyle', 'postgres'), ('bytea_output', 'hex'), ('extra_float_digits', '1'),"
    " ('statement_timeout', '0')) AS settings(name, value)"
)
COUNT = "SELECT count(*), 0::numeric FROM {} t"
SUM = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} t"


@dataclass(frozen=True, slots=True)
class Found:
    """What one table holds."""

    rows: int
    checksum: str


def compare(source: Cluster, database: str, target: Cluster, new: str, *, checksums: bool) -> int:
    """Hold a copy against the database that it was made of, while nobody writes; return its rows.

    Raises CopyDiffers.
    """
    with ThreadPoolExecutor(2) as pool:
        read = partial(read_tables, checksums=checksums)
        expected, found = pool.map(lambda place: read(*place), ((source, database), (target, new)))
    mismatches = {
        name: _say(expected.get(name), found.get(name))
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    }
    if mismatches:
        raise CopyDiffers(mismatches)
    return sum(table.rows for table in found.values() if isinstance(table, Found))


def read_tables(cluster: Cluster, database: str, *, checksums: bool) -> dict[str, Found | int]:
    """Return what every table of a database holds, and where its sequences stand, several tables at a time."""
    with cluster.connect(database) as connection:
        names = [row[0] for row in connection.execute(TABLES)]
        sequences = connection.execute(SEQUENCES).fetchall()
        found: dict[str, Found | int] = {}
        for schema, name in sequences:
            query = sql.SQL("SELECT last_value + is_called::int FROM {}").format(sql.Identifier(schema, name))
            row = connection.execute(query).fetchone()
            found[f"sequence {name}"] = int(row[0]) if row else 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found.update(zip(names, pool.map(partial(_read, cluster, database, checksums), names), strict=True))
    return found


def _read(cluster: Cluster, database: str, checksums: bool, table: str) -> Found:
    query = sql.SQL(SUM if checksums else COUNT).format(sql.Identifier("public", table))
    with cluster.connect(database) as connection:
        connection.execute(SAME_WORDS)
        row = connection.execute(query).fetchone()
    return Found(int(row[0]), str(row[1])) if row else Found(0, "")


def _say(expected: Found | int | None, found: Found | int | None) -> str:
    if isinstance(expected, Found) and isinstance(found, Found):
        if expected.rows != found.rows:
            return f"{expected.rows} → {found.rows} rows"
        return f"other content in {expected.rows} rows"
    return f"{'nothing' if expected is None else expected} → {'nothing' if found is None else found}"
