"""What a patient reads of the ledger: the messages to themselves, in the words in which they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_access
from app.domain.messages.kept_links import open_links
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.template_kinds import list_kinds

SHOWN = 30
LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.DELIVERED, MessageState.UNKNOWN)
REACHES_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message as its patient reads it."""

    template: str
    channel: Channel
    subject: str
    body: str
    created_at: datetime


def list_own_messages(actor: Actor, patient_id: UUID) -> Sequence[OwnMessage]:
    """Return what was written to a patient lately, the newest first; nothing that opens something."""
    message = OutboundMessage
    query = (
        sa.select(
            message.key,
            message.appointment_id,
            message.template,
            message.channel,
            message.subject,
            message.body,
            message.created_at,
        )
        .where(
            message.patient_id == patient_id,
            message.template.in_([kind.code for kind in list_kinds()]),
            message.state.in_(LEFT),
            message.created_at > clock.now() - REACHES_BACK,
        )
        .order_by(message.created_at.desc(), message.id.desc())
        .limit(SHOWN)
    )
    rows = db.session.execute(query).all()
    record_access(actor, "message.own", subject_type="message", subject_id=None,
                  patient_ids=[patient_id] if rows else [])  # fmt: skip
    return [
        OwnMessage(
            row.template,
            row.channel,
            open_links(row.subject, row.key, row.appointment_id),
            open_links(row.body, row.key, row.appointment_id),
            row.created_at,
        )
        for row in rows
    ]
