"""Having messages that did not arrive sent again, of a period: counted first, then done in batches.

Only those that surely failed. One of which nobody knows may have arrived, and a person decides about each.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.identity.permissions import REQUEUE_MESSAGES
from app.domain.longwork.exports import moments
from app.domain.longwork.kinds import long_work
from app.domain.longwork.performing import Work
from app.domain.messages.decisions import NotToBeDecided, may_be_sent_again, send_again
from app.domain.messages.models import MessageState, OutboundMessage
from app.domain.messages.operations import NOT_STANDING
from app.domain.messages.template_kinds import TEST

MESSAGES = "messages.requeue"
BATCH = 100


def count_failed(since: date, until: date) -> int:
    """Return how many messages of a period failed and could be sent again."""
    query = sa.select(sa.func.count(OutboundMessage.id)).where(_failed(since, until))
    return db.session.scalar(query) or 0


@long_work(MESSAGES, title=_l("Messages sent again"), permission=REQUEUE_MESSAGES, keeps_effects=True)
def requeue_messages(work: Work) -> dict[str, Any]:
    """Put the messages of a period that failed back into the queue, each once."""
    failed = _failed(date.fromisoformat(work.arguments["since"]), date.fromisoformat(work.arguments["until"]))
    failed = sa.and_(failed, OutboundMessage.updated_at < datetime.fromisoformat(work.arguments["asked_at"]))
    while True:
        after = work.checkpoint.get("after")
        query = sa.select(OutboundMessage.id).where(failed).order_by(OutboundMessage.id).limit(BATCH)
        if after:
            query = query.where(OutboundMessage.id > UUID(after))
        with unit_of_work() as session:
            batch = session.scalars(query).all()
        if not batch:
            return dict(work.checkpoint.get("counts", {"queued": 0, "left": 0}))
        with work.batch():
            before = work.checkpoint.get("counts", {"queued": 0, "left": 0})
            queued = sum(_requeue(work, message_id) for message_id in batch)
            counts = {"queued": before["queued"] + queued, "left": before["left"] + len(batch) - queued}
            work.checkpoint = {"after": str(batch[-1]), "counts": counts}
            work.done += len(batch)


def requeue_arguments(since: date, until: date) -> dict[str, str]:
    """Return what the work is told: the period, and when it was asked for: what fails later is not sent again by it."""
    return {"since": since.isoformat(), "until": until.isoformat(), "asked_at": clock.now().isoformat()}


def _requeue(work: Work, message_id: UUID) -> bool:
    message = db.session.get(OutboundMessage, message_id, populate_existing=True)
    if message is None or message.state is not MessageState.FAILED or not may_be_sent_again(message):
        return False
    try:
        send_again(work.actor, message_id, as_one_of_many=True)
    except NotToBeDecided:
        return False
    return True


def _failed(since: date, until: date) -> sa.ColumnElement[bool]:
    """Failed, still with its words, and about nothing that is over."""
    begins, ends = moments(since, until)
    stands = sa.select(Appointment.id).where(
        Appointment.id == OutboundMessage.appointment_id,
        Appointment.status == AppointmentStatus.BOOKED,
        Appointment.starts_at > clock.now(),
    )
    return sa.and_(
        OutboundMessage.created_at >= begins,
        OutboundMessage.created_at < ends,
        OutboundMessage.state == MessageState.FAILED,
        OutboundMessage.body != "",
        OutboundMessage.template != TEST,
        OutboundMessage.error.is_distinct_from(NOT_STANDING),
        sa.or_(OutboundMessage.appointment_id.is_(None), stands.exists()),
    )
