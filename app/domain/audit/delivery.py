"""Telling consumers what happened, bound to their hospital: in order, with the cursor in the same unit of work.

An event that a consumer cannot stand is found by telling one at a time, tried again with growing pauses, and reported
to whoever calls, who writes the dead letter and has it passed by. A database that is away is no fault of an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.consumers import Consumer, list_consumers
from app.domain.audit.models import OutboxCursor
from app.domain.audit.outbox import PlacedEvent, find_newest, has_events, read_events
from app.tenancy.binding import has_revision

log = get_logger(__name__)

AT_ONCE = 200
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
LONGEST_ERROR = 300
SINCE = "h011"


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that a consumer could not stand at any try: what a dead letter says of it."""

    consumer: str
    event: PlacedEvent
    error: str
    attempts: int

    def payload(self) -> dict[str, Any]:
        """Return what is needed to tell it again, also when the event is pruned."""
        return {name: str(value) if isinstance(value, UUID) else value for name, value in asdict(self.event).items()}


def has_undelivered() -> bool:
    """Tell whether a consumer in the bound hospital has something to hear that is not set aside for a while."""
    if not has_revision(SINCE) or not list_consumers():
        return False
    rows = {row.consumer: row for row in db.session.scalars(sa.select(OutboxCursor))}
    now = clock.now()
    ready = [rows.get(one.name) for one in list_consumers()]
    positions = [0 if row is None else row.position for row in ready if row is None or not _is_set_aside(row, now)]
    return bool(positions) and has_events(min(positions))


def list_concerned() -> list[Consumer]:
    """Return who is to be told something; the cursors of those who want nothing of what waits are moved at once.

    Most events concern few consumers: one statement, in the unit of work that places the events, in place of a unit for
    each of the others.
    """
    rows = {row.consumer: row for row in db.session.scalars(sa.select(OutboxCursor))}
    known = [one for one in list_consumers() if one.name in rows]
    events = read_events(min((rows[one.name].position for one in known), default=0), AT_ONCE)
    if not events:
        return [one for one in list_consumers() if one.name not in rows]
    untouched = [
        one.name
        for one in known
        if not any(one.wants(event) and event.position > rows[one.name].position for event in events)
    ]
    if untouched:
        _move_on(untouched, events[-1].position)
    return [one for one in list_consumers() if one.name not in untouched or len(events) == AT_ONCE]


def _move_on(consumers: Sequence[str], position: int) -> None:
    """Move the cursors of consumers whom nobody is telling anything just now."""
    free = sa.select(OutboxCursor.consumer).where(
        OutboxCursor.consumer.in_(consumers), OutboxCursor.position < position, OutboxCursor.failures == 0
    )
    moved = sa.update(OutboxCursor).where(OutboxCursor.consumer.in_(free.with_for_update(skip_locked=True)))
    moved = moved.values(position=position, updated_at=clock.now())
    db.session.execute(moved.execution_options(synchronize_session=False))


def deliver_to(consumer: Consumer) -> tuple[int, Poison | None]:
    """Tell a consumer all that it has not heard; return how many events, and the one that it will never stand."""
    told = 0
    while True:
        try:
            count = _tell(consumer, AT_ONCE)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            further, poison = _tell_one_by_one(consumer)
            return told + further, poison
        told += count
        if count < AT_ONCE:
            return told, None


def pass_by(poison: Poison) -> None:
    """Move a consumer's cursor past an event that was given up, unless somebody was faster."""
    with unit_of_work() as session:
        session.execute(
            sa.update(OutboxCursor)
            .where(OutboxCursor.consumer == poison.consumer, OutboxCursor.position < poison.event.position)
            .values(position=poison.event.position, failures=0, retry_at=None, last_error=None, updated_at=clock.now())
        )


def list_cursors() -> Sequence[OutboxCursor]:
    """Return the cursors of the bound hospital, by name."""
    return db.session.scalars(sa.select(OutboxCursor).order_by(OutboxCursor.consumer)).all()


def _tell_one_by_one(consumer: Consumer) -> tuple[int, Poison | None]:
    told = 0
    for _ in range(AT_ONCE):
        try:
            if not _tell(consumer, 1):
                break
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            db.session.rollback()
            return told, _note_failure(consumer, error)
        told += 1
    return told, None


def _tell(consumer: Consumer, most: int) -> int:
    """Tell the next events and move the cursor, all or nothing; 0 where there are none or another relay is at it."""
    with unit_of_work():
        cursor = _take_cursor(consumer)
        if cursor is None or _is_set_aside(cursor, clock.now()):
            return 0
        events = read_events(cursor.position, most)
        if not events:
            return 0
        wanted = [event for event in events if consumer.wants(event)]
        if wanted:
            consumer.handle(wanted)
        cursor.position, cursor.updated_at = events[-1].position, clock.now()
        cursor.failures, cursor.retry_at, cursor.last_error = 0, None, None
        return len(events)


def _take_cursor(consumer: Consumer) -> OutboxCursor | None:
    mine = OutboxCursor.consumer == consumer.name
    query = sa.select(OutboxCursor).where(mine).with_for_update(skip_locked=True)
    cursor = db.session.scalar(query.execution_options(populate_existing=True))
    if cursor is not None or db.session.scalar(sa.select(sa.exists().where(mine))):
        return cursor
    begin = find_newest() if consumer.from_now else 0
    made = insert(OutboxCursor).values(consumer=consumer.name, position=begin, updated_at=clock.now())
    db.session.execute(made.on_conflict_do_nothing())
    return db.session.scalar(query.execution_options(populate_existing=True))


def _is_set_aside(cursor: OutboxCursor, now: Any) -> bool:
    return cursor.retry_at is not None and now < cursor.retry_at


def _note_failure(consumer: Consumer, error: Exception) -> Poison | None:
    """Count a failure of the next event and set it aside for a while; return it when that was the last try."""
    said = describe_failure(error)
    with unit_of_work():
        cursor = _take_cursor(consumer)
        if cursor is None:
            return None
        cursor.failures += 1
        cursor.last_error, cursor.updated_at = said, clock.now()
        cursor.retry_at = clock.now() + min(FIRST_PAUSE * 2 ** (cursor.failures - 1), LONGEST_PAUSE)
        failures, events = cursor.failures, read_events(cursor.position, 1)
    log.error("consumer failed", consumer=consumer.name, failures=failures, error=said, exc_info=error)
    return Poison(consumer.name, events[0], said, failures) if failures >= TRIES and events else None


def describe_failure(error: Exception) -> str:
    """Say what went wrong without what the error quotes: it may hold the values of rows."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        return f"{type(error.orig).__name__}: {getattr(diagnosis, 'message_primary', None) or 'no answer'}"[
            :LONGEST_ERROR
        ]
    return type(error).__name__
