"""Looking at a restored database with suspicion: is it this hospital's, of a schema we know, complete and sound?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from alembic.script import ScriptDirectory
from psycopg import sql

from app.tenancy.cluster import Cluster
from app.tenancy.restores.errors import ManifestDiffers, NewerSchema, NotADump, OtherHospital
from app.tenancy.schema import alembic_config, head_revision

TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1
"""
UNSOUND = """
SELECT 'constraint ' || conname, 'is not valid' FROM pg_constraint WHERE NOT convalidated
UNION ALL SELECT 'index ' || c.relname, 'is not valid' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid
UNION ALL SELECT 'trigger ' || tgname, 'is switched off' FROM pg_trigger WHERE tgenabled = 'D' AND NOT tgisinternal
"""


def check_revision(revision: str | None) -> None:
    """Refuse a schema that this release does not know; raises NewerSchema."""
    if revision not in _known_revisions():
        raise NewerSchema(revision, head_revision("hospital"))


def check_identity(cluster: Cluster, database: str, hospital_id: UUID | None) -> UUID:
    """Return whose a restored database is; raises OtherHospital where another hospital's was expected, NotADump."""
    with cluster.connect(database) as connection:
        try:
            row = connection.execute("SELECT hospital_id FROM hospital_info").fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
    if row is None:
        raise NotADump
    if hospital_id is not None and row[0] != hospital_id:
        raise OtherHospital
    found: UUID = row[0]
    return found


def read_revision(cluster: Cluster, database: str) -> str | None:
    """Return the revision that a database's schema is at."""
    with cluster.connect(database) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the exact number of rows of every table, partitions by themselves."""
    names = [row[0] for row in connection.execute(TABLES)]
    counts = {}
    for name in names:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", name))).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def compare(cluster: Cluster, database: str, expected: Mapping[str, int] | None) -> int:
    """Hold a restored database against its manifest's counts; return the rows. Raises ManifestDiffers."""
    with cluster.connect(database) as connection:
        found = count_rows(connection)
        mismatches: dict[str, object] = {str(what): str(why) for what, why in connection.execute(UNSOUND)}
    if expected is not None:
        for table in sorted({*found, *expected}):
            if found.get(table) != expected.get(table):
                mismatches[table] = f"{expected.get(table, 'no table')} → {found.get(table, 'no table')}"
    if mismatches:
        raise ManifestDiffers(mismatches)
    return sum(found.values())


@cache
def _known_revisions() -> frozenset[str]:
    return frozenset(
        script.revision for script in ScriptDirectory.from_config(alembic_config("hospital")).walk_revisions()
    )
