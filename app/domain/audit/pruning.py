"""Emptying the outbox behind the slowest consumer, the centre among them, and no sooner than a day after."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.consumers import CENTRE, find_consumer, list_consumers
from app.domain.audit.models import OutboxCursor, OutboxEvent, OutboxPruning

KEEP = timedelta(days=1)  # somebody who looks into what went wrong today finds it
GONE_AFTER = timedelta(days=7)
AT_ONCE = 5_000
ENOUGH = 1_000  # fewer are not worth a visit


def note_centre(position: int) -> None:
    """Note in the bound hospital how far the centre has heard; never backwards."""
    made = insert(OutboxCursor).values(consumer=CENTRE, position=position, updated_at=clock.now())
    further = {"position": made.excluded.position, "updated_at": made.excluded.updated_at}
    behind = OutboxCursor.position < made.excluded.position
    db.session.execute(made.on_conflict_do_update(index_elements=["consumer"], set_=further, where=behind))


def is_long(centre: int) -> bool:
    """Tell whether the outbox holds many events that everybody has heard of, the centre up to a position."""
    slowest = find_slowest(centre)
    old = sa.select(OutboxEvent.id).where(OutboxEvent.position <= slowest, OutboxEvent.created_at < clock.now() - KEEP)
    return slowest > 0 and db.session.scalar(old.offset(ENOUGH).limit(1)) is not None


def find_slowest(centre: int | None = None) -> int:
    """Return up to which position every consumer has heard; 0 where one has never been told anything."""
    cursors = {row.consumer: row.position for row in db.session.scalars(sa.select(OutboxCursor))}
    if centre is not None:
        cursors[CENTRE] = centre
    awaited = {one.name for one in list_consumers()} | {CENTRE} | set(cursors)
    return min(cursors.get(name, 0) for name in awaited)


def prune_outbox() -> int:
    """Delete the events that everybody in the bound hospital and the centre have heard of; return how many."""
    _forget_former_consumers()
    pruned = 0
    while True:
        with unit_of_work():
            count = _prune_some()
        pruned += count
        if count < AT_ONCE:
            return pruned


def _prune_some() -> int:
    old = sa.select(OutboxEvent.id, OutboxEvent.position).where(
        OutboxEvent.position <= find_slowest(), OutboxEvent.created_at < clock.now() - KEEP
    )
    rows: list[tuple[UUID, int]] = [
        (row.id, row.position) for row in db.session.execute(old.order_by(OutboxEvent.position).limit(AT_ONCE))
    ]
    if not rows:
        return 0
    made = insert(OutboxPruning).values(single=True, pruned_to=rows[-1][1], pruned_at=clock.now())
    further = {
        "pruned_to": sa.func.greatest(OutboxPruning.pruned_to, made.excluded.pruned_to),
        "pruned_at": made.excluded.pruned_at,
    }
    db.session.execute(made.on_conflict_do_update(index_elements=["single"], set_=further))
    gone = sa.delete(OutboxEvent).where(
        OutboxEvent.position <= rows[-1][1], OutboxEvent.id.in_([row[0] for row in rows])
    )
    db.session.execute(gone.execution_options(synchronize_session=False))
    return len(rows)


def _forget_former_consumers() -> None:
    """Forget the cursors of consumers that no release has moved for a week: nobody would ever move them again."""
    with unit_of_work():
        for row in db.session.scalars(
            sa.select(OutboxCursor).where(OutboxCursor.updated_at < clock.now() - GONE_AFTER)
        ):
            if row.consumer != CENTRE and find_consumer(row.consumer) is None:
                db.session.delete(row)
