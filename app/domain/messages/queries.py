"""Reading reminders and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_access
from app.domain.messages.models import AppointmentReminder, Channel, MessageState, OutboundMessage, ReminderState


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A planned, sent or cancelled reminder."""

    rule: str
    channel: Channel
    due_at: datetime
    state: ReminderState
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message of the ledger, without its text."""

    id: UUID
    patient_id: UUID | None
    template: str
    channel: Channel
    recipient: str
    subject: str
    state: MessageState
    attempts: int
    error: str | None
    created_at: datetime
    sent_at: datetime | None


def list_reminders(appointment_id: UUID) -> Sequence[ReminderRow]:
    """Return an appointment's reminders, the earliest first."""
    reminder = AppointmentReminder
    query = (
        sa.select(reminder.rule, reminder.channel, reminder.due_at, reminder.state, reminder.sent_at)
        .where(reminder.appointment_id == appointment_id)
        .order_by(reminder.due_at)
        .limit(20)
    )
    return [ReminderRow(*row) for row in db.session.execute(query)]


def list_messages(
    actor: Actor, *, patient_id: UUID | None = None, state: MessageState | None = None, offset: int = 0, limit: int = 50
) -> Sequence[MessageRow]:
    """Return messages of the ledger, the newest first; whose they are is written into the access log."""
    message = OutboundMessage
    columns = [getattr(message, name) for name in MessageRow.__slots__]
    query = sa.select(*columns).order_by(message.created_at.desc(), message.id.desc()).offset(offset).limit(limit)
    if patient_id is not None:
        query = query.where(message.patient_id == patient_id)
    if state is not None:
        query = query.where(message.state == state)
    rows = [MessageRow(*row) for row in db.session.execute(query)]
    seen = [row.patient_id for row in rows if row.patient_id is not None]
    record_access(actor, "message.list", subject_type="message", subject_id=None, patient_ids=seen)
    return rows


def count_messages() -> dict[MessageState, int]:
    """Return how many messages the ledger holds in each state."""
    counted = sa.select(OutboundMessage.state, sa.func.count()).group_by(OutboundMessage.state)
    found = {row[0]: row[1] for row in db.session.execute(counted)}
    return {state: found.get(state, 0) for state in MessageState}
