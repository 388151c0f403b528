"""Seeing after a wave that its hospitals answer, and that the code which runs now can read what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.crypto import CannotDecrypt
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.engines import connect
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.registry import HospitalEntry
from app.tenancy.revisions import is_served
from app.tenancy.schema import head_revision

CONNECT_SECONDS = 5
# Names that are not there are an error of the server's own, which says what is missing. No table is opened.
UNREADABLE = """
SELECT wanted.relation, wanted.attribute FROM unnest(%s::text[], %s::text[]) wanted (relation, attribute)
WHERE NOT has_column_privilege(quote_ident(wanted.relation), wanted.attribute, 'SELECT') LIMIT 1
"""
IDENTITY = "SELECT hospital_id, version_num FROM hospital_info, alembic_version"
NO_PLACE = "the hospital has no database, or its credentials cannot be opened"
ANSWERING = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)


def find_trouble(hospital_ids: Iterable[UUID], revision: str, pool: ThreadPoolExecutor) -> dict[UUID, str]:
    """Return which of these hospitals could not be served at a revision, and why; asked as the portals ask.

    Archived hospitals need not answer, and one that is paused is meant not to.
    """
    ids = list(hospital_ids)
    if not ids:
        return {}
    columns = _every_column() if revision == head_revision("hospital") else None
    with unit_of_work() as session:
        query = sa.select(Hospital).where(
            Hospital.id.in_(ids), Hospital.status.in_(ANSWERING), Hospital.paused_at.is_(None)
        )
        entries = [_entry_of(one) for one in session.scalars(query.options(joinedload(Hospital.database)))]
    found = pool.map(lambda entry: _ask(entry, columns), entries)
    return {entry.id: why for entry, why in zip(entries, found, strict=True) if why is not None}


def _ask(entry: HospitalEntry, columns: tuple[list[str], list[str]] | None) -> str | None:
    if entry.whereabouts is None:
        return NO_PLACE
    try:
        with connect(entry.whereabouts, CONNECT_SECONDS) as connection:
            row = connection.execute(IDENTITY).fetchone()
            if row is None or row[0] != entry.id:
                return "the database says that it belongs to another hospital"
            if not is_served(row[1]):
                return f"the running code does not serve the revision {row[1]}"
            if columns is not None and (closed := connection.execute(UNREADABLE, columns).fetchone()) is not None:
                return f"permission denied for table {closed[0]}, column {closed[1]}"
    except psycopg.Error as error:
        return (str(error).splitlines() or [type(error).__name__])[0][:300]
    return None


def _entry_of(hospital: Hospital) -> HospitalEntry:
    registry = tenancy().registry
    try:
        return registry.entry_of(hospital)
    except CannotDecrypt:
        return registry.entry_of(hospital, with_place=False)


@cache
def _every_column() -> tuple[list[str], list[str]]:
    """Return every column that the code names, as tables and the columns beside them."""
    named = [(table.name, column.name) for table in db.metadatas["hospital"].sorted_tables for column in table.columns]
    return [table for table, _ in named], [column for _, column in named]
