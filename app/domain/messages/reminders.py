"""What a patient is told of an appointment: a confirmation, and reminders planned, sent or cancelled with it."""

from __future__ import annotations

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
from app.domain.messages.addresses import choose_channel
from app.domain.messages.models import AppointmentReminder, ReminderState
from app.domain.messages.operations import queue_message, withdraw_messages
from app.domain.messages.rules import due_times
from app.domain.messages.templates import CONFIRMATION, REMINDER
from app.domain.patients.models import Patient
from app.domain.privacy.consents import REMINDERS, list_allowed, may_use
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

AT_ONCE = 200


def plan_reminders(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Plan an appointment's reminders, those whose time is still to come; planning again changes nothing."""
    now = clock.now()
    channel, _ = choose_channel(patient)
    rows = [
        {
            "id": new_id(),
            "appointment_id": appointment.id,
            "rule": rule,
            "channel": channel,
            "due_at": due_at,
            "state": ReminderState.PENDING,
            "created_at": now,
            "updated_at": now,
            "created_by": actor.id,
        }
        for rule, due_at in due_times(appointment.starts_at, now)
    ]
    if rows:
        again = ["appointment_id", "rule", "channel"]
        db.session.execute(insert(AppointmentReminder).values(rows).on_conflict_do_nothing(index_elements=again))


def queue_confirmation(actor: Actor, appointment: Appointment, patient: Patient) -> None:
    """Have the patient told that the appointment is booked, who has not refused messages; a worker is woken."""
    if not may_use(patient.id, REMINDERS):
        return
    channel, recipient = choose_channel(patient)
    key = f"{CONFIRMATION}:{appointment.id}:{channel.value}"
    queue_message(
        key,
        CONFIRMATION,
        channel=channel,
        recipient=recipient,
        appointment=appointment,
        patient=patient,
        created_by=actor.id,
    )
    code = bound_hospital().code
    after_commit(lambda: enqueue("deliver_messages", hospital=code))


def cancel_reminders(appointment_id: UUID) -> None:
    """Stop the reminders of an appointment that does not stand any more, and what is queued about it."""
    reminder = AppointmentReminder
    db.session.execute(
        sa.update(reminder)
        .where(reminder.appointment_id == appointment_id, reminder.state == ReminderState.PENDING)
        .values(state=ReminderState.CANCELLED, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    withdraw_messages(appointment_id)


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
    taken = db.session.execute(query).all()
    reminded: set[UUID] = set()
    allowed = list_allowed({patient.id for _, _, patient in taken}, REMINDERS)
    for reminder, appointment, patient in taken:
        dropped = appointment.id in reminded or patient.id not in allowed
        reminder.state = _settle(reminder, appointment, patient, dropped=dropped)
        if reminder.state is ReminderState.SENT:
            reminder.sent_at = clock.now()
            reminded.add(appointment.id)
    return len(taken)


def _settle(
    reminder: AppointmentReminder, appointment: Appointment, patient: Patient, *, dropped: bool
) -> ReminderState:
    """Queue the reminder's message where it still makes sense, and return what becomes of the reminder."""
    if appointment.status is not AppointmentStatus.BOOKED or dropped:
        return ReminderState.CANCELLED
    if appointment.starts_at <= clock.now():
        log.warning("reminder too late, not sent", reminder=str(reminder.id))
        return ReminderState.FAILED
    channel, recipient = choose_channel(patient)  # as the patient is reached now, not when it was planned
    queue_message(
        f"{REMINDER}:{appointment.id}:{reminder.rule}:{channel.value}",
        REMINDER,
        channel=channel,
        recipient=recipient,
        appointment=appointment,
        patient=patient,
    )
    return ReminderState.SENT


def _is_due() -> sa.ColumnElement[bool]:
    return sa.and_(AppointmentReminder.state == ReminderState.PENDING, AppointmentReminder.due_at <= clock.now())
