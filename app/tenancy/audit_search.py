"""Searching the platform's log, and how the logs of platform and hospitals stand against their seals.

Pages go on behind the last row that was shown; every condition has an index or is bounded by the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from app.core.actor import Actor
from app.core.db import db
from app.tenancy.audit import record_platform_read
from app.tenancy.models import AuditCheck, AuditState, Hospital, PlatformAuditEntry, PlatformUser

PER_PAGE = 50
FETCH = 1_000
MOST_PEOPLE = 50
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class PlatformWanted:
    """What is looked for in the platform's log; an empty text is no condition."""

    since: datetime
    until: datetime
    hospital_id: UUID | None = None
    person: str = ""
    action: str = ""
    request_id: str = ""
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class PlatformFound:
    """A page of rows, newest first, and where the next page begins."""

    rows: Sequence[Any]
    next: Place | None = None


def search_platform_log(actor: Actor, wanted: PlatformWanted) -> PlatformFound:
    """Return a page of the platform's log, and write down that it was read."""
    rows = db.session.execute(select_platform_rows(wanted).limit(PER_PAGE + 1)).all()
    record_platform_read(actor, "audit.search", hospital_id=wanted.hospital_id)
    last = rows[PER_PAGE - 1] if len(rows) > PER_PAGE else None
    return PlatformFound(rows[:PER_PAGE], (last.at, last.id) if last is not None else None)


def select_platform_rows(wanted: PlatformWanted) -> sa.Select[Any]:
    """Return the query for the rows behind the place where the last page ended."""
    entry = PlatformAuditEntry
    conditions: list[Any] = [entry.at >= wanted.since, entry.at < wanted.until]
    if wanted.hospital_id is not None:
        conditions.append(entry.hospital_id == wanted.hospital_id)
    if wanted.person:
        conditions.append(entry.actor_id.in_(_find_people(wanted.person)))
    if wanted.action:
        conditions.append(entry.action == wanted.action)
    if wanted.request_id:
        conditions.append(entry.request_id == wanted.request_id)
    if wanted.after is not None:
        conditions += [entry.at <= wanted.after[0], sa.tuple_(entry.at, entry.id) < wanted.after]
    return (
        sa.select(
            entry.at, entry.id, entry.actor_kind, entry.actor_name, entry.action, entry.subject_type, entry.subject_id,
            entry.changes, entry.risk, entry.address, entry.request_id, Hospital.code.label("hospital_code"),
            Hospital.display_name.label("hospital_name"),
        )
        .outerjoin(Hospital, Hospital.id == entry.hospital_id)
        .where(*conditions)
        .order_by(entry.at.desc(), entry.id.desc())
    )  # fmt: skip


def stream_platform_rows(wanted: PlatformWanted) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Return the columns and the rows as they come, on a connection of their own."""
    query, engine = select_platform_rows(wanted), db.engine
    return [str(column.key) for column in query.selected_columns], _stream(engine, query)


def list_platform_actions() -> list[str]:
    """Return the acts that stand in the platform's log, skipping from one to the next in the index."""
    entry = PlatformAuditEntry
    acts = sa.select(sa.func.min(entry.action).label("action")).cte("acts", recursive=True)
    following = sa.select(sa.func.min(entry.action)).where(entry.action > acts.c.action).scalar_subquery()
    acts = acts.union_all(sa.select(following).where(acts.c.action.is_not(None)))
    query = sa.select(acts.c.action).where(acts.c.action.is_not(None))
    return sorted(db.session.scalars(query, bind_arguments={"mapper": entry}))


def list_faulty_checks() -> Sequence[Any]:
    """Return the hospitals whose last check found that their logs were altered, the newest first."""
    newest = (
        sa.select(AuditCheck.hospital_id, AuditCheck.state, AuditCheck.checked_at, AuditCheck.findings)
        .where(AuditCheck.hospital_id.is_not(None))
        .ext(distinct_on(AuditCheck.hospital_id))
        .order_by(AuditCheck.hospital_id, AuditCheck.checked_at.desc())
        .subquery("newest")
    )
    query = (
        sa.select(
            Hospital.code, Hospital.display_name, newest.c.checked_at, newest.c.findings["faults"].label("faults")
        )
        .join(newest, newest.c.hospital_id == Hospital.id)
        .where(newest.c.state == AuditState.TAMPERED.value)
        .order_by(newest.c.checked_at.desc())
        .limit(100)
    )
    return db.session.execute(query).all()


def _find_people(text: str) -> sa.Select[Any]:
    named = sa.or_(PlatformUser.username == text, PlatformUser.full_name.icontains(text, autoescape=True))
    return sa.select(PlatformUser.id).where(named).limit(MOST_PEOPLE)


def _stream(engine: sa.Engine, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=FETCH).execute(query):
            yield {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or value is None:
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
