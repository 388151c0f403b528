"""Planning reminders anew where the hospital changed its rules or quiet hours; what was sent stays sent."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.ids import new_id
from app.core.queue import enqueue
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.addresses import find_ways
from app.domain.messages.models import AppointmentReminder, Channel, ReminderOutcome, ReminderState
from app.domain.messages.reminder_settings import hospital_zone, list_rules, read_settings
from app.domain.messages.rules import due_times
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

REPLAN = "replan_reminders"
AT_ONCE = 500


def wake_replanning() -> None:
    """Have a worker plan all reminders anew once the present unit is committed."""
    code = bound_hospital().code
    after_commit(lambda: enqueue(REPLAN, hospital=code))


def cancel_without_rule() -> None:
    """Cancel what is planned by a rule that the hospital has no more."""
    codes = [row.rule.code for row in list_rules()]
    db.session.execute(
        sa.update(AppointmentReminder)
        .where(AppointmentReminder.state == ReminderState.PENDING, AppointmentReminder.rule.not_in(codes))
        .values(
            state=ReminderState.CANCELLED,
            outcome=ReminderOutcome.SUPERSEDED,
            starts_at=None,
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )


def replan_some(after: UUID | None, limit: int = AT_ONCE) -> UUID | None:
    """Plan the reminders of some visits to come anew, in the order of their ids; return the last, None at the end."""
    now, settings, rules, zone = clock.now(), read_settings()[0], [row.rule for row in list_rules()], hospital_zone()
    query = (
        sa.select(Appointment.id, Appointment.starts_at, Patient)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(Appointment.status == AppointmentStatus.BOOKED, Appointment.starts_at > now)
        .order_by(Appointment.id)
        .limit(limit)
    )
    visits = db.session.execute(query if after is None else query.where(Appointment.id > after)).all()
    if not visits:
        return None
    ways = find_ways({visit.Patient.id: visit.Patient for visit in visits}.values())
    rows = [
        {
            "id": new_id(),
            "appointment_id": visit.id,
            "rule": rule,
            "channel": next((channel for channel, _ in ways[visit.Patient.id].channels), Channel.CONSOLE),
            "starts_at": visit.starts_at,
            "due_at": due_at,
            "state": ReminderState.PENDING,
            "created_at": now,
            "updated_at": now,
        }
        for visit in visits
        for rule, due_at in due_times(visit.starts_at, now, rules, quiet=settings.quiet, zone=zone)
    ]
    if rows:
        _write(rows)
    return visits[-1].id if len(visits) == limit else None


def _write(rows: list[dict[str, object]]) -> None:
    reminder, statement = AppointmentReminder, insert(AppointmentReminder).values(rows)
    new = statement.excluded
    # A rule that was taken out and comes back finds its cancelled reminders, which name no time.
    is_back = sa.and_(reminder.state == ReminderState.CANCELLED, reminder.starts_at.is_(None))
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["appointment_id", "rule"],
            set_={
                "due_at": new.due_at,
                "starts_at": new.starts_at,
                "state": new.state,
                "outcome": None,
                "updated_at": new.updated_at,
            },
            where=sa.or_(sa.and_(reminder.state == ReminderState.PENDING, reminder.due_at != new.due_at), is_back),
        )
    )
