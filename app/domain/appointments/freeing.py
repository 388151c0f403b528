"""A time that a visit gave back: written down with the act that freed it, for those who wait for an earlier one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.ids import new_id
from app.core.queue import enqueue
from app.domain.waiting.models import FreedSlot, OfferState, SlotOffer, WaitingEntry
from app.tenancy.binding import bound_hospital

OFFER_TIMES = "offer_freed_times"


def free_time(doctor_id: UUID, department_id: UUID, starts_at: datetime, ends_at: datetime) -> None:
    """Have a time offered to those who wait, in the present transaction; one that is past is of no use to anybody."""
    now = clock.now()
    if starts_at <= now:
        return
    values = {
        "id": new_id(),
        "doctor_id": doctor_id,
        "department_id": department_id,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "freed_at": now,
    }
    db.session.execute(insert(FreedSlot).values(values).on_conflict_do_nothing())
    wake_offers()


def withdraw_offers(appointment_id: UUID, *, unless_before: datetime | None = None) -> None:
    """Take back open offers to move a visit that was called off, or that stands earlier than they do by now."""
    entries = sa.select(WaitingEntry.id).where(WaitingEntry.appointment_id == appointment_id)
    conditions = [SlotOffer.entry_id.in_(entries), SlotOffer.state == OfferState.OPEN]
    if unless_before is not None:
        conditions.append(SlotOffer.starts_at >= unless_before)
    db.session.execute(
        sa.update(SlotOffer)
        .where(*conditions)
        .values(state=OfferState.WITHDRAWN, answered_at=clock.now(), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def wake_offers() -> None:
    """Have a worker look at the freed times once the present unit is committed."""
    code = bound_hospital().code
    after_commit(lambda: enqueue(OFFER_TIMES, hospital=code))
