"""Delivering the ledger: take a message, send it, write down how it went; each step a transaction of its own.

A message is `sending` from the point of no return on. Who dies before it gives the message back when the claim ends;
who dies behind it leaves it `unknown`, which nobody sends again without a person's decision. A way out that fails in
a manner nobody thought of costs its own message a try, and no other message anything.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.channels import CONSOLE, Console, Letter, Outcome, Smtp, Transport
from app.domain.messages.kept_links import open_links
from app.domain.messages.models import Channel, MessageEvent, MessageState, OutboundMessage
from app.domain.messages.operations import NOT_STANDING
from app.domain.messages.rules import CLAIM, pause_after
from app.domain.messages.templates import SECRET
from app.domain.privacy.consents import REMINDERS, may_use
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)


class Withdrawn(Exception):
    """A message was taken back while a worker had it in hand; nothing of it may leave."""


Transports = dict[Channel, Transport]
GivenUp = Callable[[OutboundMessage], None]

ENDED = "a worker ended while the provider may have accepted it"
NO_WAY = "the channel is not set up"
SETTLED = frozenset({MessageState.DELIVERED, MessageState.FAILED})
WORKERS_ENDED = "each time a worker ended with it in hand"

_when_given_up: list[GivenUp] = []


def when_given_up(act: GivenUp) -> GivenUp:
    """Have something done for each message that has failed for good, in the transaction in which it does: once.

    What was taken back, because the appointment does not stand any more, has not failed. An act that raises is logged
    and undone by itself; the message has failed all the same.
    """
    _when_given_up.append(act)
    return act


def give_up(message: OutboundMessage, error: str | None) -> None:
    """Let a message have failed for good, in the present unit of work."""
    message.state, message.error, message.next_attempt_at = MessageState.FAILED, error, None
    db.session.flush()
    log.error("message given up", message=str(message.id), channel=message.channel.value, error=error)
    for act in _when_given_up:
        try:
            with db.session.begin_nested():
                act(message)
        except Exception as problem:
            log.error("after a message given up", act=act.__qualname__, message=str(message.id), exc_info=problem)


def make_transports(mail_url: str | None, mail_from: str) -> Transports:
    """Return what carries e-mail, by SMTP where a server is set and by the console otherwise, and the console."""
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
        transport = transports.get(channel)
        tried += 1
        try:
            outcome = _send(transport, message_id, letter) if transport else Outcome(MessageState.FAILED, error=NO_WAY)
        except Withdrawn:
            continue
        _write_down(message_id, transport.name if transport else None, outcome)
    return tried


def _send(transport: Transport, message_id: UUID, letter: Letter) -> Outcome:
    """Send one letter; an error that the transport did not expect is the letter's own."""
    passed = False

    def commit() -> None:
        nonlocal passed
        _pass_the_point_of_no_return(message_id)
        passed = True

    try:
        return transport.send(letter, commit)
    except Withdrawn:
        raise
    except Exception as error:
        log.error("message could not be sent", message=str(message_id), exc_info=error)
        state = MessageState.UNKNOWN if passed else MessageState.QUEUED
        return Outcome(state, error=f"unexpected: {type(error).__name__}")


def give_up_on_the_unknown() -> None:
    """Mark what a worker left behind the point of no return: perhaps it was accepted, so it is not sent again."""
    with unit_of_work() as session:
        left = session.scalars(
            sa.update(OutboundMessage)
            .where(_is_due(), OutboundMessage.state == MessageState.SENDING)
            .values(state=MessageState.UNKNOWN, error=ENDED, updated_at=clock.now())
            .returning(OutboundMessage.id)
            .execution_options(synchronize_session=False)
        )
        session.add_all([_event(message_id, MessageState.UNKNOWN, ENDED) for message_id in left])


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
                session.add(_event(message.id, MessageState.FAILED, WORKERS_ENDED))
                give_up(message, WORKERS_ENDED)
                continue
            message.attempts += 1
            message.next_attempt_at = clock.now() + CLAIM
            return message.id, message.channel, _letter(message)


def _makes_sense(message: OutboundMessage) -> bool:
    if message.appointment_id is None:
        return True
    if message.patient_id is not None and not may_use(message.patient_id, REMINDERS):
        return False  # refused since it was queued
    appointment = db.session.get_one(Appointment, message.appointment_id)
    return appointment.status is AppointmentStatus.BOOKED and appointment.starts_at > clock.now()


def _pass_the_point_of_no_return(message_id: UUID) -> None:
    """Mark a message as leaving; raises Withdrawn where it was taken back since it was claimed."""
    with unit_of_work() as session:
        message = session.get_one(OutboundMessage, message_id, with_for_update=True, populate_existing=True)
        if message.state is not MessageState.QUEUED:
            raise Withdrawn
        message.state, message.next_attempt_at = MessageState.SENDING, clock.now() + CLAIM


def _letter(message: OutboundMessage) -> Letter:
    about = message.key, message.appointment_id
    return Letter(
        message.key,
        bound_hospital().code,
        message.recipient,
        open_links(message.subject, *about),
        open_links(message.body, *about),
        reference=str(message.id),
        locale=message.locale,
    )


def _write_down(message_id: UUID, provider: str | None, outcome: Outcome) -> None:
    """Write down how a try went; what failed for good or too often is given up in the same transaction."""
    now = clock.now()
    with unit_of_work() as session:
        message = session.get_one(OutboundMessage, message_id, with_for_update=True)
        message.provider = provider
        message.provider_id = outcome.provider_id or message.provider_id
        if message.state in SETTLED:  # the provider's report was faster than its answer
            message.cost = outcome.cost
            return
        pause = pause_after(message.attempts) if outcome.state is MessageState.QUEUED else None
        gave_up = outcome.state is MessageState.FAILED or (outcome.state is MessageState.QUEUED and pause is None)
        session.add(_event(message_id, MessageState.FAILED if gave_up else outcome.state, outcome.error))
        if gave_up:
            give_up(message, outcome.error)
            return
        message.state, message.error = outcome.state, outcome.error
        message.next_attempt_at = now + pause if pause else None
        if outcome.state is MessageState.SENT:
            message.sent_at, message.cost = now, outcome.cost
            if message.template in SECRET and outcome.provider_id != CONSOLE:
                message.body = ""  # it is kept that a message was sent, not the link in it that opens something


def _event(message_id: UUID, state: MessageState, detail: str | None) -> MessageEvent:
    return MessageEvent(message_id=message_id, at=clock.now(), state=state, source="worker", detail=detail)


def _is_due() -> sa.ColumnElement[bool]:
    """Both states, so that the partial index over them serves."""
    return sa.and_(
        OutboundMessage.state.in_((MessageState.QUEUED, MessageState.SENDING)),
        OutboundMessage.next_attempt_at <= clock.now(),
    )
