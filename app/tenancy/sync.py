"""What the centre writes down when it has heard of a hospital: the index, the cursor and the run, in one transaction.

What a hospital has to tell is read elsewhere, bound to it; here nothing may be bound, because one unit of work writes
to the central database or to one hospital, never to both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.db import WriteAcrossHistories, db
from app.tenancy.binding import find_bound_hospital
from app.tenancy.index import Erased, PatientFacts, forget_erased, index_patients
from app.tenancy.models import OutboxConsumer, RunStatus, SyncCursor, SyncRun
from app.tenancy.security_events import take_security_events
from app.tenancy.support import Answer, take_answers

CONSUMER = "centre"
QUIET_FOR = timedelta(minutes=5)
RUN_LASTS = timedelta(minutes=1)
LONGEST_ERROR = 300
NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Report:
    """What a hospital has to tell: the events behind a position, and whom they are about."""

    kind: str
    started_at: datetime
    from_position: int
    to_position: int
    event_ids: Sequence[UUID] = ()
    patients: Sequence[PatientFacts] = ()
    erased: Sequence[Erased] = ()
    security: Sequence[dict[str, Any]] = ()
    support: Sequence[Answer] = ()
    consumers: Sequence[ConsumerState] = ()
    counts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How far a consumer inside the hospital has read; `newest` is how far there is to read."""

    consumer: str
    position: int
    newest: int
    moved_at: datetime
    failures: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """How far the centre has heard of a hospital, when last, and what was counted there then."""

    position: int
    at: datetime | None
    counts: dict[str, Any] | None = None

    @property
    def is_long_ago(self) -> bool:
        """Tell whether even a hospital without news is to be heard again."""
        return self.at is None or self.at <= clock.now() - QUIET_FOR


def find_heard(hospital_id: UUID) -> Heard:
    """Return how far the centre has heard of a hospital."""
    row = db.session.execute(_HEARD, {"hospital": hospital_id}).one_or_none()
    return Heard(0, None) if row is None else Heard(*row)


def _heard() -> sa.Select[Any]:
    mine = SyncRun.hospital_id == SyncCursor.hospital_id
    counts = sa.select(SyncRun.counts).where(mine, SyncRun.status == RunStatus.SUCCEEDED)
    last = counts.order_by(SyncRun.started_at.desc()).limit(1).scalar_subquery()
    query = sa.select(SyncCursor.position, SyncCursor.updated_at, last)
    return query.where(SyncCursor.hospital_id == sa.bindparam("hospital"), SyncCursor.consumer == CONSUMER)


_HEARD = _heard()


def take_report(hospital_id: UUID, report: Report) -> bool:
    """Apply a report and move the cursor; False, and nothing is written, when another run was faster."""
    refuse_inside_a_hospital()
    cursor = _lock_cursor(hospital_id)
    if cursor.position != report.from_position:
        return False
    heard = Heard(cursor.position, cursor.updated_at)
    if not report.event_ids and cursor.position == report.to_position and not heard.is_long_ago:
        return False
    index_patients(hospital_id, report.patients)
    forget_erased(hospital_id, report.erased)
    take_security_events(hospital_id, report.security)
    take_answers(hospital_id, report.support)
    take_consumers(hospital_id, report.consumers)
    cursor.position, cursor.updated_at = report.to_position, clock.now()
    if not _lengthen_run(hospital_id, report):
        write_run(hospital_id, report)
    return True


def move_cursor(hospital_id: UUID, position: int) -> None:
    """Have the centre read on from a position: it was told everything that came before."""
    refuse_inside_a_hospital()
    cursor = _lock_cursor(hospital_id)
    cursor.position, cursor.updated_at = max(cursor.position, position), clock.now()


def take_consumers(hospital_id: UUID, states: Sequence[ConsumerState]) -> None:
    """Write down how far the hospital's own consumers are; who is not among them is none any more."""
    if not states:
        return
    rows = [{"hospital_id": hospital_id, **asdict(state), "told_at": clock.now()} for state in states]
    made = insert(OutboxConsumer).values(rows)
    told = {name: made.excluded[name] for name in rows[0] if name not in ("hospital_id", "consumer")}
    db.session.execute(made.on_conflict_do_update(index_elements=["hospital_id", "consumer"], set_=told))
    others = OutboxConsumer.consumer.not_in([state.consumer for state in states])
    db.session.execute(sa.delete(OutboxConsumer).where(OutboxConsumer.hospital_id == hospital_id, others))


def _lengthen_run(hospital_id: UUID, report: Report) -> bool:
    """Count what was carried on the run that began less than a minute ago; False where there is none.

    A row for each time that the relay comes would be many rows a second. The checksum is over the one before and the
    further events.
    """
    since = clock.now() - RUN_LASTS
    mine = sa.select(SyncRun).where(SyncRun.hospital_id == hospital_id).order_by(SyncRun.started_at.desc()).limit(1)
    run = db.session.scalar(mine)
    if run is None or run.started_at < since or run.started_at > clock.now():
        return False
    if (run.kind, run.status, run.to_position) != (report.kind, RunStatus.SUCCEEDED, report.from_position):
        return False
    if not report.event_ids or not run.events:
        return False
    run.to_position, run.finished_at = report.to_position, clock.now()
    run.events += len(report.event_ids)
    run.counts = report.counts
    run.checksum = checksum_of(report.event_ids, after=run.checksum)
    return True


def write_run(hospital_id: UUID, report: Report, checksum: str | None = None) -> None:
    """Write down a run that succeeded."""
    db.session.add(
        SyncRun(
            hospital_id=hospital_id,
            kind=report.kind,
            status=RunStatus.SUCCEEDED,
            started_at=report.started_at,
            finished_at=clock.now(),
            from_position=report.from_position,
            to_position=report.to_position,
            events=len(report.event_ids),
            counts=report.counts,
            checksum=checksum or checksum_of(report.event_ids),
        )
    )


def write_failure(hospital_id: UUID, kind: str, started_at: datetime, position: int, error: Exception) -> None:
    """Write down a run that failed; the same failure again is the same row, with a later end."""
    refuse_inside_a_hospital()
    said = describe(error)
    last_query = sa.select(SyncRun).where(SyncRun.hospital_id == hospital_id).order_by(SyncRun.started_at.desc())
    last = db.session.scalar(last_query.limit(1).with_for_update())
    if last is not None and (last.status, last.kind, last.error) == (RunStatus.FAILED, kind, said):
        last.finished_at = clock.now()
        return
    db.session.add(
        SyncRun(
            hospital_id=hospital_id,
            kind=kind,
            status=RunStatus.FAILED,
            started_at=started_at,
            finished_at=clock.now(),
            from_position=position,
            to_position=position,
            error=said,
        )
    )


def checksum_of(ids: Sequence[UUID], after: str | None = None) -> str:
    """Return the SHA-256 over ids in their order, and over the checksum of those before."""
    return hashlib.sha256(bytes.fromhex(after or "") + b"".join(one.bytes for one in ids)).hexdigest()


def describe(error: Exception) -> str:
    """Say what went wrong without the values of rows, which a database's error details may quote."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        said = getattr(diagnosis, "message_primary", None) or "the database does not answer"
        return f"{type(error.orig).__name__}: {said}"[:LONGEST_ERROR]
    return type(error).__name__


def refuse_inside_a_hospital() -> None:
    """Raise where a hospital is bound: its unit of work may not write to the central database."""
    hospital = find_bound_hospital()
    if hospital is not None:
        raise WriteAcrossHistories(f"{hospital.code} is bound; the centre is written to after it was left")


def _lock_cursor(hospital_id: UUID) -> SyncCursor:
    mine = sa.select(SyncCursor).where(SyncCursor.hospital_id == hospital_id, SyncCursor.consumer == CONSUMER)
    query = mine.with_for_update().execution_options(populate_existing=True)
    cursor = db.session.scalar(query)
    if cursor is None:
        made = insert(SyncCursor).values(hospital_id=hospital_id, consumer=CONSUMER, position=0, updated_at=NEVER)
        db.session.execute(made.on_conflict_do_nothing())
        cursor = db.session.scalars(query).one()
    return cursor
