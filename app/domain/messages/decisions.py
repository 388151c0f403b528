"""What only a person decides: whether a message of which nobody knows is sent again, or taken as delivered."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, NotFound
from app.core.i18n import _l
from app.core.queue import enqueue
from app.domain.access.reach import within_reach
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import VIEW_MESSAGES
from app.domain.messages.models import MessageEvent, MessageState, OutboundMessage
from app.domain.messages.operations import NOT_STANDING
from app.domain.messages.template_kinds import TEST
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

SENT_AGAIN_FROM = frozenset({MessageState.UNKNOWN, MessageState.FAILED})


class NotToBeDecided(Conflict):
    title = _l("There is nothing to decide about this message")
    default_message = _l("Its state has changed in the meantime, or what it says is not kept any more.")
    remedy = _l("Look at the message again.")


def may_be_sent_again(message: OutboundMessage) -> bool:
    """Tell whether a person may have a message sent once more: it has its words, and what it is about stands."""
    kept = bool(message.body and message.recipient) and message.template != TEST  # of those a new one is sent
    return kept and message.state in SENT_AGAIN_FROM and message.error != NOT_STANDING


def message_in_reach(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which messages somebody may see; letters to staff are of no patient, and the whole hospital's."""
    return sa.or_(OutboundMessage.patient_id.is_(None), within_reach(actor, VIEW_MESSAGES))


def send_again(actor: Actor, message_id: UUID, *, as_one_of_many: bool = False) -> None:
    """Have a message sent once more although it may have arrived; raises NotToBeDecided.

    Raises NotFound where its patient is out of reach; as one of many it is sent all the same, and nobody learns whose.
    """
    message = _hold(message_id, None if as_one_of_many else actor)
    if not may_be_sent_again(message):
        raise NotToBeDecided
    before = message.state
    message.state, message.attempts, message.next_attempt_at = MessageState.QUEUED, 0, clock.now()
    message.error = None
    _decide(actor, message, "message.send_again", before)
    code = bound_hospital().code
    after_commit(lambda: enqueue("deliver_messages", hospital=code))


def take_as_delivered(actor: Actor, message_id: UUID) -> None:
    """Say that a message of which nobody knows has arrived, such as after a call; raises NotToBeDecided."""
    message = _hold(message_id, actor)
    if message.state is not MessageState.UNKNOWN:
        raise NotToBeDecided
    now = clock.now()
    message.state, message.delivered_at, message.sent_at = MessageState.DELIVERED, now, message.sent_at or now
    _decide(actor, message, "message.take_as_delivered", MessageState.UNKNOWN)


def _hold(message_id: UUID, actor: Actor | None) -> OutboundMessage:
    query = (
        sa.select(OutboundMessage)
        .outerjoin(Patient, Patient.id == OutboundMessage.patient_id)
        .where(OutboundMessage.id == message_id)
        .with_for_update(of=OutboundMessage)
    )
    if actor is not None:
        query = query.where(message_in_reach(actor))
    message = db.session.scalars(query).one_or_none()
    if message is None:
        raise NotFound
    return message


def _decide(actor: Actor, message: OutboundMessage, action: str, before: MessageState) -> None:
    message.updated_by = actor.id
    db.session.add(
        MessageEvent(message_id=message.id, at=clock.now(), state=message.state, source="person", actor_name=actor.name)
    )
    db.session.flush()
    record_change(
        actor,
        action,
        subject_type="message",
        subject_id=message.id,
        patient_id=message.patient_id,
        changes={"state": [before.value, message.state.value]},
    )
