"""Reminders that reached nobody, for a person at the desk who calls instead."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.domain.access.reach import authorise, within_reach
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.models import AppointmentReminder, ReminderState
from app.domain.organisation.models import Department
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient

PER_PAGE = 50


def _is_open() -> list[sa.ColumnElement[bool]]:
    """Failed, nobody took care of it, and the visit is still to come: afterwards a call is of no use."""
    return [
        AppointmentReminder.state == ReminderState.FAILED,
        AppointmentReminder.settled_at.is_(None),
        Appointment.status == AppointmentStatus.BOOKED,
        Appointment.starts_at > clock.now(),
        Appointment.confirmed_at.is_(None),
        Patient.deleted_at.is_(None),
    ]


def count_unreached(actor: Actor) -> int:
    """Return how many visits to come have a reminder that reached nobody."""
    query = _joined(sa.select(sa.func.count(sa.distinct(Appointment.id)))).where(*_is_open(), _reach(actor))
    return db.session.scalar(query) or 0


def list_unreached(actor: Actor, *, page: int = 1) -> Page[Any]:
    """Return the reminders that reached nobody, the next visit first; three statements."""
    total = db.session.scalar(_joined(sa.select(sa.func.count())).where(*_is_open(), _reach(actor))) or 0
    columns: tuple[Any, ...] = (
        AppointmentReminder.id,
        AppointmentReminder.rule,
        AppointmentReminder.outcome,
        AppointmentReminder.channel,
        AppointmentReminder.updated_at,
        Appointment.id.label("appointment_id"),
        Appointment.code,
        Appointment.starts_at,
        Patient.id.label("patient_id"),
        Patient.full_name.label("patient_name"),
        Patient.code.label("patient_code"),
        Patient.phone.label("patient_phone"),
        StaffUser.full_name.label("doctor_name"),
        Department.name.label("department_name"),
    )
    query = (
        _joined(sa.select(*columns))
        .join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .join(Department, Department.id == Appointment.department_id)
        .where(*_is_open(), _reach(actor))
        .order_by(Appointment.starts_at, AppointmentReminder.id)
    )
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    record_access(
        actor, "reminder.unreached", subject_type="reminder", subject_id=None, patient_ids=[r.patient_id for r in rows]
    )
    return Page(rows, max(page, 1), PER_PAGE, total)


def settle_unreached(actor: Actor, reminder_id: UUID) -> bool:
    """Note that somebody took care of who was not reached, for all reminders of the visit; False where it was noted."""
    query = (
        sa.select(Appointment.id, Appointment.patient_id, AppointmentReminder.settled_at)
        .join(AppointmentReminder, AppointmentReminder.appointment_id == Appointment.id)
        .where(AppointmentReminder.id == reminder_id, AppointmentReminder.state == ReminderState.FAILED)
        .with_for_update(of=AppointmentReminder)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    actor = authorise(actor, row.patient_id, BOOK_FOR_PATIENTS)
    if row.settled_at is not None:
        return False
    db.session.execute(
        sa.update(AppointmentReminder)
        .where(
            AppointmentReminder.appointment_id == row.id,
            AppointmentReminder.state == ReminderState.FAILED,
            AppointmentReminder.settled_at.is_(None),
        )
        .values(settled_at=clock.now(), settled_by=actor.id, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    record_change(actor, "reminder.settle", subject_type="appointment", subject_id=row.id, patient_id=row.patient_id)
    return True


def _reach(actor: Actor) -> sa.ColumnElement[bool]:
    return within_reach(actor, BOOK_FOR_PATIENTS)


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    return (
        query.select_from(AppointmentReminder)
        .join(Appointment, Appointment.id == AppointmentReminder.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
    )
