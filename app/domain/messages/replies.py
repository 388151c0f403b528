"""Replies by SMS: `1`, `CO` or `XN` confirms, `2` or `HUY` cancels the visit of which that number was reminded.

A reply counts only from the number that was written to, and only where it can mean one visit. Anything else is answered
politely once per message that was sent there, so that two machines never write to each other for ever.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import system_actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.formats.phones import parse_phone
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.queue import enqueue
from app.domain.appointments.answering import call_off_visit, confirm_visit
from app.domain.appointments.models import Appointment, AppointmentStatus, ConfirmedVia
from app.domain.audit.models import AuditEntry
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.operations import Draft, queue_messages
from app.domain.messages.reminding import MessageReply, ReplyMeaning
from app.domain.messages.template_kinds import CONFIRMATION, MOVED, REMINDER, REPLY
from app.domain.messages.templates import facts_of_visit
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

ACTOR = system_actor("sms reply")
# What was sent before this is no longer what somebody answers.
WITHIN = timedelta(days=10)
RESCHEDULED = "appointment.reschedule"
ANSWERED_BY = (REMINDER, CONFIRMATION, MOVED)
LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.DELIVERED, MessageState.UNKNOWN)
_WORD = re.compile(r"[a-z0-9]+")
_YES = frozenset({"1", "co", "xn", "xacnhan", "yes", "ok"})
_NO = frozenset({"2", "huy", "khong", "no", "cancel"})
_NOT = frozenset({"khong", "no"})
_POLITE = frozenset({"a", "da", "vang", "em", "toi", "xin", "lich", "kham", "cam", "on", "nhe", "thanks"})
LONGEST = 160


class Word(enum.StrEnum):
    """What a reply says by itself."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Asked:
    """A visit that somebody at a number was written to about, by its newest message."""

    message: OutboundMessage
    appointment: Appointment
    patient: Patient


def read_reply(text: str) -> Word:
    """Return what a text means: one clear word among politeness, in any spelling with or without marks."""
    if len(text) > LONGEST:
        return Word.UNCLEAR
    plain = unicodedata.normalize("NFKD", text.lower().replace("đ", "d"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = set(_WORD.findall(plain.replace("xac nhan", "xacnhan")))
    said = words - _POLITE
    if len(said) > 1 and said & _NOT:
        return Word.UNCLEAR  # who does not cancel says the contrary of who cancels
    if said and said <= _YES:
        return Word.YES
    return Word.NO if said and said <= _NO else Word.UNCLEAR


def handle_reply(sender: str, text: str, provider_id: str) -> ReplyMeaning | None:
    """Act upon a reply from a number, in the present unit of work; None where the same report was handled before."""
    reply_id = _claim(provider_id)
    if reply_id is None:
        return None
    asked = _find_asked(sender)
    meaning = _act(asked, read_reply(text))
    known = asked[0] if len(asked) == 1 else None
    db.session.execute(
        sa.update(MessageReply)
        .where(MessageReply.id == reply_id)
        .values(
            meaning=meaning,
            patient_id=known.patient.id if known else None,
            appointment_id=known.appointment.id if known else None,
        )
    )
    _answer(asked, meaning)
    log.info("reply by sms", meaning=meaning.value)
    return meaning


def _claim(provider_id: str) -> object | None:
    """Write down that a report came; whoever reports it again finds it there."""
    values = {
        "id": new_id(),
        "provider_id": provider_id,
        "meaning": ReplyMeaning.NONE,
        "received_at": clock.now(),
    }
    statement = insert(MessageReply).values(values).on_conflict_do_nothing(index_elements=["provider_id"])
    return db.session.scalar(statement.returning(MessageReply.id))


def _find_asked(sender: str) -> Sequence[Asked]:
    """Return the visits to come about which a number was written to, each with its newest message there."""
    try:
        number = parse_phone(sender if sender.startswith(("+", "0")) else f"+{sender}")
    except InvalidValue:
        return ()
    query = (
        sa.select(OutboundMessage, Appointment, Patient)
        .join(Appointment, Appointment.id == OutboundMessage.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            OutboundMessage.channel == Channel.SMS,
            OutboundMessage.recipient == number,
            OutboundMessage.template.in_(ANSWERED_BY),
            OutboundMessage.state.in_(LEFT),
            OutboundMessage.created_at > clock.now() - WITHIN,
            Patient.deleted_at.is_(None),
        )
        .order_by(OutboundMessage.created_at.desc(), OutboundMessage.id.desc())
        .limit(50)
    )
    newest: dict[object, Asked] = {}
    for row in db.session.execute(query):
        newest.setdefault(row[1].id, Asked(row[0], row[1], row[2]))
    standing = [one for one in newest.values() if _stands(one.appointment)]
    return [one for one in standing or list(newest.values())[:1] if not _was_moved_since(one)]


def _was_moved_since(one: Asked) -> bool:
    """Tell whether the visit has another time than the message that is answered says, told of or not."""
    moved = sa.select(AuditEntry.id).where(
        AuditEntry.subject_id == one.appointment.id,
        AuditEntry.action == RESCHEDULED,
        AuditEntry.at > one.message.created_at,
    )
    return db.session.execute(moved.limit(1)).first() is not None


def _stands(visit: Appointment) -> bool:
    return visit.status is AppointmentStatus.BOOKED and visit.starts_at > clock.now()


def _act(asked: Sequence[Asked], word: Word) -> ReplyMeaning:
    if not asked:
        return ReplyMeaning.NONE
    if word is Word.UNCLEAR:
        return ReplyMeaning.UNCLEAR
    if len(asked) > 1:
        return ReplyMeaning.SEVERAL
    visit = asked[0].appointment
    try:
        with db.session.begin_nested():
            if word is Word.YES:
                confirm_visit(ACTOR, visit.id, ConfirmedVia.SMS)
                return ReplyMeaning.CONFIRMED
            call_off_visit(ACTOR, visit.id, visit.starts_at, ConfirmedVia.SMS)
            return ReplyMeaning.CANCELLED
    except (Conflict, NotFound):
        return ReplyMeaning.TOO_LATE


def _answer(asked: Sequence[Asked], meaning: ReplyMeaning) -> None:
    """Answer once: what was done per visit and time, what was not understood per message that was sent."""
    if not asked:
        return  # nobody here wrote to that number; an answer would only tell that somebody listens
    one = asked[0]
    kind = meaning.value if meaning in (ReplyMeaning.CONFIRMED, ReplyMeaning.CANCELLED) else "unclear"
    subject = f"{one.appointment.id}:{one.appointment.starts_at:%Y%m%dT%H%M}" if kind != "unclear" else one.message.id
    facts = facts_of_visit(bound_hospital(), one.appointment, one.patient)
    if kind == "unclear":
        facts = {"hospital": facts["hospital"]}
    draft = Draft(
        f"{REPLY[kind]}:{subject}",
        REPLY[kind],
        Channel.SMS,
        one.message.recipient,
        one.patient,
        locale=one.message.locale,
        facts=facts,
    )
    if queue_messages([draft]):
        code = bound_hospital().code
        after_commit(lambda: enqueue("deliver_messages", hospital=code))
