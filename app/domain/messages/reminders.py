"""What a patient is told of an appointment: a confirmation, news of a move, and reminders by the hospital's rules.

A reminder is a row with the moment at which it is due; who looks for what is due takes rows that nobody else has. The
ledger's key (`reminder:<visit>:<rule>:<channel>`) holds each to once per channel; a visit that is moved begins anew.
"""

from __future__ import annotations

from typing import Any
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
from app.domain.appointments.models import Appointment
from app.domain.messages.addresses import find_ways
from app.domain.messages.answer_links import visit_link
from app.domain.messages.models import (
    AppointmentReminder,
    Channel,
    ReminderOutcome,
    ReminderState,
)
from app.domain.messages.operations import Draft, queue_messages, withdraw_messages
from app.domain.messages.reminder_settings import hospital_zone, list_rules, read_settings
from app.domain.messages.rules import due_times
from app.domain.messages.template_kinds import CONFIRMATION, MOVED
from app.domain.patients.models import Patient
from app.domain.privacy.consents import REMINDERS, may_use
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

# A patient who does not want confirmations is not told of moves either.
NEWS = CONFIRMATION


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
    anew: dict[str, Any] = {
        name: statement.excluded[name] for name in ("channel", "starts_at", "due_at", "state", "updated_at")
    }
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
