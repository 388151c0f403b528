"""The relay of the outbox: gives committed events their place in line, and lets consumers read on from a place.

`sequence` is drawn at the insert, so that a slow transaction can commit a lower number after a higher one was read.
A `position` is given to committed rows only, by one relay at a time, and becomes visible in order: who has read up to
a position has missed nothing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.domain.audit.models import OutboxEvent, OutboxPruning

RELAY_LOCK = 7_310_002
TO_THE_HOSPITAL: dict[str, Any] = {"mapper": OutboxEvent}


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event with its place in line."""

    position: int
    id: UUID
    kind: str
    subject_type: str
    subject_id: UUID
    payload: dict[str, Any]


def place_events(limit: int = 1_000) -> int:
    """Give the oldest committed events without a place the next ones; return how many.

    The places count once the transaction has committed; until then every other relay of this hospital waits.
    """
    lock = sa.select(sa.func.pg_advisory_xact_lock(RELAY_LOCK))
    db.session.execute(lock, bind_arguments=TO_THE_HOSPITAL)  # a statement before: what follows sees who held it
    return int(db.session.execute(_PLACE, {"most": limit}).rowcount)  # type: ignore[attr-defined]


def _placing() -> sa.Update:
    waiting = (
        sa.select(OutboxEvent.id)
        .where(OutboxEvent.position.is_(None))
        .order_by(OutboxEvent.sequence)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .subquery("waiting")
    )
    places = sa.select(waiting.c.id, sa.func.nextval("outbox_position_seq").label("position")).cte("places")
    update = sa.update(OutboxEvent).where(OutboxEvent.id == places.c.id).values(position=places.c.position)
    return update.execution_options(synchronize_session=False)


_PLACE = _placing()  # made once: every relay sends it all the time


def read_events(after_position: int, limit: int = 1_000) -> Sequence[PlacedEvent]:
    """Return the events behind a position, in order."""
    query = (
        sa.select(
            OutboxEvent.position,
            OutboxEvent.id,
            OutboxEvent.kind,
            OutboxEvent.subject_type,
            OutboxEvent.subject_id,
            OutboxEvent.payload,
        )
        .where(OutboxEvent.position > after_position)
        .order_by(OutboxEvent.position)
        .limit(limit)
    )
    return [PlacedEvent(*row) for row in db.session.execute(query)]


def has_events(after_position: int) -> bool:
    """Tell whether there is an event that has no place yet, or one behind a position."""
    unplaced = sa.select(OutboxEvent.id).where(OutboxEvent.position.is_(None))
    behind = sa.select(OutboxEvent.id).where(OutboxEvent.position > after_position)
    query = sa.select(sa.or_(unplaced.exists(), behind.exists()))
    return bool(db.session.scalar(query, bind_arguments=TO_THE_HOSPITAL))


def find_newest() -> int:
    """Return the last position that was given in this hospital, also where its event is pruned; 0 before the first."""
    newest = sa.select(sa.func.max(OutboxEvent.position)).scalar_subquery()
    query = sa.select(sa.func.greatest(newest, _pruned(), 0))
    return int(db.session.scalar(query, bind_arguments=TO_THE_HOSPITAL) or 0)


def find_pruned() -> int:
    """Return up to which position the events are gone: who has read less far has missed some."""
    return db.session.scalar(sa.select(OutboxPruning.pruned_to)) or 0


def _pruned() -> sa.ScalarSelect[int]:
    return sa.select(OutboxPruning.pruned_to).scalar_subquery()
