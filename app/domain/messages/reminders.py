"""What a patient is told of an appointment: a confirmation, news of a move, and reminders by the hospital's rules.

A reminder is a row with the moment at which it is due; who looks for what is due takes rows that nobody else has. The
ledger's key (`reminder:<visit>:<rule>:<channel>`) holds each to once per channel; a visit that is moved begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.queue import enqueue
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.addresses import Ways, find_ways
from app.domain.messages.answer_links import visit_link
from app.domain.messages.models import (
    AppointmentReminder,
    Channel,
    MessageState,
    OutboundMessage,
    ReminderOutcome,
    ReminderState,
)
from app.domain.messages.operations import Draft, queue_messages, withdraw_messages
from app.domain.messages.reminder_settings import hospital_zone, list_rules, read_settings
from app.domain.messages.rules import LEAST_NOTICE, due_times
from app.domain.messages.template_kinds import CONFIRMATION, MOVED, REMINDER
from app.domain.patients.models import Patient
from app.domain.privacy.consents import REMINDERS, list_allowed, may_use
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

AT_ONCE = 200
# A patient who does not want confirmations is not told of moves either.
NEWS = CONFIRMATION


class Taken(NamedTuple):
    """A reminder that is due, locked until the end of the unit."""

    reminder: AppointmentReminder
    appointment: Appointment
    patient: Patient


def plan_reminders(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Plan an appointment's reminders, those whose time is still to come; planning again changes nothing.

    Where the appointment has another time than it had, its reminders begin anew.
    """
    now, (settings, _) = clock.now(), read_settings()
    ways = find_ways([patient])[patient.id].channels
    rows = [
        {
            "id": new_id(),
            "appointment_id": appointment.id,
            "rule": rule,
            "channel": ways[0][0] if ways else Channel.CONSOLE,
            "starts_at": appointment.starts_at,
            "due_at": due_at,
            "state": ReminderState.PENDING,
            "created_at": now,
            "updated_at": now,
            "created_by": actor.id,
        }
        for rule, due_at in due_times(
            appointment.starts_at,
            now,
            [row.rule for row in list_rules()],
            quiet=settings.quiet,
            zone=hospital_zone(),
        )
    ]
    if not rows:
        return
    reminder, statement = AppointmentReminder, insert(AppointmentReminder).values(rows)
    anew = {name: statement.excluded[name] for name in ("channel", "starts_at", "due_at", "state", "updated_at")}
    anew |= {"turn": reminder.turn + 1, "outcome": None, "sent_at": None, "settled_at": None, "settled_by": None}
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["appointment_id", "rule"],
            set_=anew,
            where=reminder.starts_at.is_distinct_from(statement.excluded.starts_at),
        )
    )


def move_reminders(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Let an appointment's reminders follow it to another time; what was to be said of the old one is taken back."""
    cancel_reminders(appointment.id)
    plan_reminders(actor, appointment, patient)


def cancel_reminders(appointment_id: UUID) -> None:
    """Cancel what is still to come, also when it stands in the ledger and has not left.

    A reminder that a worker has in hand is waited for, so that what it queues is seen and taken back.
    """
    reminder = AppointmentReminder
    db.session.execute(
        sa.update(reminder)
        .where(
            reminder.appointment_id == appointment_id,
            sa.or_(
                reminder.state == ReminderState.PENDING,
                sa.and_(reminder.state == ReminderState.FAILED, reminder.settled_at.is_(None)),
            ),
        )
        .values(
            state=ReminderState.CANCELLED,
            outcome=ReminderOutcome.NOT_STANDING,
            # Whatever is planned for the appointment from now on is planned anew, even for the same time.
            starts_at=None,
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )
    withdraw_messages(appointment_id)


def queue_confirmation(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Have the patient told that the appointment is booked, who has not refused messages; a worker is woken."""
    _tell(actor, CONFIRMATION, f"{CONFIRMATION}:{appointment.id}", appointment, patient)


def queue_news_of_move(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Have the patient told of the appointment's new time."""
    _tell(actor, MOVED, f"{MOVED}:{appointment.id}:{appointment.version}", appointment, patient)


def _tell(actor: Actor, template: str, key: str, appointment: Appointment, patient: Patient) -> None:
    if not may_use(patient.id, REMINDERS):
        return
    ways = find_ways([patient])[patient.id]
    if not ways.want(NEWS) or not ways.channels:
        return
    channel, recipient = ways.channels[0]
    key, facts = f"{key}:{channel.value}", link_facts(appointment)
    draft = Draft(key, template, channel, recipient, patient, appointment, locale=ways.locale, facts=facts)
    if queue_messages([draft], created_by=actor.id):
        code = bound_hospital().code
        after_commit(lambda: enqueue("deliver_messages", hospital=code))


def link_facts(appointment: Appointment) -> dict[str, str]:
    """Return the fact by which a message lets its reader answer."""
    return {"link": visit_link(appointment.id, appointment.starts_at)}


def have_reminders_due() -> bool:
    """Where a reminder's time has come."""
    due = sa.select(AppointmentReminder.id).where(_is_due())
    return bool(db.session.scalar(sa.select(due.exists())))


def queue_due_reminders(limit: int = AT_ONCE) -> int:
    """Turn the reminders that are due into messages of the ledger, in the present unit; return how many were looked at.

    Several workers may do this at once: each takes rows that no other has.
    """
    query = (
        sa.select(AppointmentReminder, Appointment, Patient)
        .join(Appointment, Appointment.id == AppointmentReminder.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(_is_due())
        .order_by(AppointmentReminder.due_at.desc())
        .limit(limit)
        .with_for_update(of=AppointmentReminder, skip_locked=True)
    )
    taken = [Taken(*row) for row in db.session.execute(query.execution_options(populate_existing=True))]
    if taken:
        _settle_all(taken)
    return len(taken)


def try_next_channel(appointment_id: UUID, rule: str, channel: Channel) -> None:
    """Have a reminder whose message was given up tried by the patient's next channel, when it may be."""
    reminder = AppointmentReminder
    db.session.execute(
        sa.update(reminder)
        .where(
            reminder.appointment_id == appointment_id,
            reminder.rule == rule,
            reminder.channel == channel,
            reminder.state == ReminderState.SENT,
        )
        .values(state=ReminderState.PENDING, sent_at=None, due_at=clock.now(), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _settle_all(taken: Sequence[Taken]) -> None:
    patients = {one.patient.id: one.patient for one in taken}
    allowed, ways = list_allowed(patients, REMINDERS), find_ways(patients.values())
    tried = _find_tried(taken)
    quiet, zone, now = read_settings()[0].quiet, hospital_zone(), clock.now()
    is_quiet = quiet is not None and quiet.hold_at(now, zone)
    drafts: dict[UUID, Draft] = {}
    for one in taken:
        appointment, wish = one.appointment, ways[one.patient.id]
        if appointment.status is not AppointmentStatus.BOOKED or _is_of_another_time(one):
            _end(one.reminder, ReminderState.CANCELLED, ReminderOutcome.NOT_STANDING)
        elif one.patient.id not in allowed or not wish.want(REMINDER):
            _end(one.reminder, ReminderState.CANCELLED, ReminderOutcome.NOT_WANTED)
        elif appointment.id in drafts:
            _end(one.reminder, ReminderState.CANCELLED, ReminderOutcome.SUPERSEDED)
        elif appointment.starts_at <= now:
            log.warning("reminder too late, not sent", reminder=str(one.reminder.id))
            _end(one.reminder, ReminderState.FAILED, ReminderOutcome.TOO_LATE)
        elif is_quiet and quiet is not None:
            _postpone(one, quiet.over_at(now, zone))
        else:
            draft = _settle(one, wish, tried.get(one.reminder.id, {}))
            drafts |= {} if draft is None else {appointment.id: draft}
    queue_messages(list(drafts.values()))


def _is_of_another_time(one: Taken) -> bool:
    """Tell whether the visit was moved and the reminder not with it; what was moved properly is not due yet."""
    return one.reminder.starts_at not in (None, one.appointment.starts_at)


def _settle(one: Taken, wish: Ways, tried: dict[Channel, MessageState]) -> Draft | None:
    """Return the reminder's message by the first channel that was not tried, if there is one."""
    if any(state is not MessageState.FAILED for state in tried.values()):
        _mark_sent(one.reminder, one.reminder.channel)  # it is under way, or may have arrived
        return None
    way = next((way for way in wish.channels if way[0] not in tried), None)
    if way is None:
        outcome = ReminderOutcome.GIVEN_UP if tried else ReminderOutcome.NO_WAY
        _end(one.reminder, ReminderState.FAILED, outcome)
        return None
    channel, recipient = way  # as the patient is reached now, not when it was planned
    _mark_sent(one.reminder, channel)
    return Draft(
        key_of(one.reminder, channel),
        REMINDER,
        channel,
        recipient,
        one.patient,
        one.appointment,
        one.reminder.rule,
        wish.locale or bound_hospital().locale,
        link_facts(one.appointment),
    )


def key_of(reminder: AppointmentReminder, channel: Channel) -> str:
    """Return the ledger's key of a reminder by a channel: a visit that was moved is reminded of anew."""
    key = f"{REMINDER}:{reminder.appointment_id}:{reminder.rule}:{channel.value}"
    return f"{key}:{reminder.turn}" if reminder.turn else key


def _find_tried(taken: Sequence[Taken]) -> dict[UUID, dict[Channel, MessageState]]:
    """Return by which channels these reminders stand in the ledger, and how they fared there."""
    keys = {key_of(one.reminder, channel): (one.reminder.id, channel) for one in taken for channel in Channel}
    found: dict[UUID, dict[Channel, MessageState]] = {}
    query = sa.select(OutboundMessage.key, OutboundMessage.state).where(OutboundMessage.key.in_(keys))
    for row in db.session.execute(query):
        reminder_id, channel = keys[row.key]
        found.setdefault(reminder_id, {})[channel] = row.state
    return found


def _mark_sent(reminder: AppointmentReminder, channel: Channel) -> None:
    reminder.state, reminder.channel, reminder.sent_at = ReminderState.SENT, channel, clock.now()
    reminder.outcome = None


def _end(reminder: AppointmentReminder, state: ReminderState, outcome: ReminderOutcome) -> None:
    reminder.state, reminder.outcome = state, outcome


def _postpone(one: Taken, until: datetime) -> None:
    """Wait for the end of the quiet hours, in which a worker that was late has found the reminder."""
    if until <= one.appointment.starts_at - LEAST_NOTICE:
        one.reminder.due_at = until
    else:
        _end(one.reminder, ReminderState.FAILED, ReminderOutcome.TOO_LATE)


def _is_due() -> sa.ColumnElement[bool]:
    return sa.and_(AppointmentReminder.state == ReminderState.PENDING, AppointmentReminder.due_at <= clock.now())
