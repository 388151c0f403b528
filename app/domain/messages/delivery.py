"""Delivering the ledger: take a message, send it, write down how it went; each step a transaction of its own.

A message is `sending` from the point of no return on. Who dies before it gives the message back when the claim ends;
who dies behind it leaves it `unknown`, which nobody sends again without a person's decision.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.channels import CONSOLE, Console, Letter, Outcome, Smtp, Transport
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.operations import NOT_STANDING
from app.domain.messages.rules import CLAIM, pause_after
from app.domain.messages.templates import SECRET
from app.domain.privacy.consents import REMINDERS, may_use
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

Transports = dict[Channel, Transport]
ENDED = "a worker ended while the provider may have accepted it"


def make_transports(mail_url: str | None, mail_from: str) -> Transports:
    """Return what carries each channel: e-mail by SMTP where a server is set, everything else by the console."""
    console = Console()
    return {Channel.CONSOLE: console, Channel.EMAIL: Smtp(mail_url, mail_from) if mail_url else console}


def have_messages_due() -> bool:
    """Where a message waits to be sent, or a worker left one behind."""
    return bool(db.session.scalar(sa.select(sa.select(OutboundMessage.id).where(_is_due()).exists())))


def deliver_due(transports: Transports, limit: int = 500) -> int:
    """Send what is due in the bound hospital, one after the other; return how many were tried."""
    give_up_on_the_unknown()
    tried = 0
    while tried < limit and (taken := _take()) is not None:
        message_id, channel, letter = taken
        outcome = transports[channel].send(letter, lambda: _pass_the_point_of_no_return(message_id))  # noqa: B023
        _write_down(message_id, outcome)
        tried += 1
    return tried


def give_up_on_the_unknown() -> None:
    """Mark what a worker left behind the point of no return: perhaps it was accepted, so it is not sent again."""
    with unit_of_work() as session:
        session.execute(
            sa.update(OutboundMessage)
            .where(_is_due(), OutboundMessage.state == MessageState.SENDING)
            .values(state=MessageState.UNKNOWN, error=ENDED, updated_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def _take() -> tuple[UUID, Channel, Letter] | None:
    """Claim the next message that is due and still makes sense; those that do not are settled on the way."""
    while True:
        with unit_of_work() as session:
            query = (
                sa.select(OutboundMessage)
                .where(_is_due(), OutboundMessage.state == MessageState.QUEUED)
                .order_by(OutboundMessage.next_attempt_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            message = session.scalar(query)
            if message is None:
                return None
            if not _makes_sense(message):
                message.state, message.error = MessageState.FAILED, NOT_STANDING
                continue
            if message.attempts and pause_after(message.attempts) is None:
                message.state = MessageState.FAILED  # each time a worker ended with it in hand
                continue
            message.attempts += 1
            message.next_attempt_at = clock.now() + CLAIM
            letter = Letter(message.key, bound_hospital().code, message.recipient, message.subject, message.body)
            return message.id, message.channel, letter


def _makes_sense(message: OutboundMessage) -> bool:
    if message.appointment_id is None:
        return True
    if message.patient_id is not None and not may_use(message.patient_id, REMINDERS):
        return False  # refused since it was queued
    appointment = db.session.get_one(Appointment, message.appointment_id)
    return appointment.status is AppointmentStatus.BOOKED and appointment.starts_at > clock.now()


def _pass_the_point_of_no_return(message_id: UUID) -> None:
    _set(message_id, state=MessageState.SENDING, next_attempt_at=clock.now() + CLAIM)


def _write_down(message_id: UUID, outcome: Outcome) -> None:
    now = clock.now()
    if outcome.state is not MessageState.QUEUED:
        sent_at = now if outcome.state is MessageState.SENT else None
        _set(message_id, state=outcome.state, provider_id=outcome.provider_id, error=outcome.error, sent_at=sent_at)
        if outcome.state is MessageState.SENT and outcome.provider_id != CONSOLE:
            _forget_secrets(message_id)
        return
    with unit_of_work() as session:
        message = session.get_one(OutboundMessage, message_id)
        pause = pause_after(message.attempts)
        message.state = MessageState.FAILED if pause is None else MessageState.QUEUED
        message.next_attempt_at = None if pause is None else now + pause
        message.error = outcome.error
    if pause is None:
        log.error("message given up", message=str(message_id), error=outcome.error)


def _forget_secrets(message_id: UUID) -> None:
    """Keep that a message was sent, not the link in it that opens something."""
    with unit_of_work() as session:
        message = session.get_one(OutboundMessage, message_id)
        if message.template in SECRET:
            message.body = ""


def _set(message_id: UUID, **values: object) -> None:
    with unit_of_work() as session:
        message = session.get_one(OutboundMessage, message_id)
        for name, value in values.items():
            setattr(message, name, value)


def _is_due() -> sa.ColumnElement[bool]:
    """Both states, so that the partial index over them serves."""
    return sa.and_(
        OutboundMessage.state.in_((MessageState.QUEUED, MessageState.SENDING)),
        OutboundMessage.next_attempt_at <= clock.now(),
    )
