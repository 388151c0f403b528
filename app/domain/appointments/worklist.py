"""The day's visits as worklists: a doctor's, a department's or the whole hospital's, in three statements."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import Scope
from app.domain.access.fields import ALLERGIES, REASON, may_read
from app.domain.access.reach import bounds_of, open_to_colleagues, visiting, within_reach
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_APPOINTMENTS
from app.domain.organisation.models import Department
from app.domain.paging import Page, offset_of
from app.domain.patients.models import AllergyState, Patient
from app.domain.records.models import MedicalRecord, VitalSigns
from app.tenancy.binding import bound_hospital

PER_PAGE = 50


class Order(StrEnum):
    """What comes first: the patient the doctor sees next, the one to be measured, or the one to be checked in."""

    NEXT_PATIENT = "next_patient"
    VITALS_TO_TAKE = "vitals_to_take"
    ARRIVALS = "arrivals"


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of a day's visits, and how many visits the day has in each state."""

    day: date
    page: Page[Any]
    counts: dict[AppointmentStatus, int]


_HAS_VITALS = (
    sa.exists()
    .where(VitalSigns.appointment_id == Appointment.id, VitalSigns.voided_at.is_(None))
    .correlate(Appointment)
)
# Of the versions of a record the newest is the one to open; of a visit there is one series.
_RECORD_ID = (
    sa.select(MedicalRecord.id)
    .where(MedicalRecord.appointment_id == Appointment.id)
    .order_by(MedicalRecord.number.desc())
    .limit(1)
    .correlate(Appointment)
    .scalar_subquery()
)
_COLUMNS: tuple[Any, ...] = (
    Appointment.id,
    Appointment.code,
    Appointment.version,
    Appointment.status,
    Appointment.starts_at,
    Appointment.arrived_at,
    Appointment.confirmed_at,
    Appointment.reason,
    Appointment.doctor_id,
    Patient.id.label("patient_id"),
    Patient.code.label("patient_code"),
    Patient.full_name.label("patient_name"),
    Patient.born_on,
    Patient.sex,
    Patient.allergy_state,
    StaffUser.full_name.label("doctor_name"),
    Department.name.label("department_name"),
    _HAS_VITALS.label("has_vitals"),
    _RECORD_ID.label("record_id"),
)
_STATE_ORDER: dict[Order, dict[AppointmentStatus, int]] = {
    Order.NEXT_PATIENT: {
        AppointmentStatus.IN_PROGRESS: 0,
        AppointmentStatus.ARRIVED: 1,
        AppointmentStatus.BOOKED: 2,
        AppointmentStatus.COMPLETED: 3,
    },
    Order.VITALS_TO_TAKE: {
        AppointmentStatus.ARRIVED: 0,
        AppointmentStatus.IN_PROGRESS: 1,
        AppointmentStatus.BOOKED: 2,
        AppointmentStatus.COMPLETED: 3,
    },
    Order.ARRIVALS: {
        AppointmentStatus.BOOKED: 0,
        AppointmentStatus.ARRIVED: 1,
        AppointmentStatus.IN_PROGRESS: 1,
        AppointmentStatus.COMPLETED: 2,
    },
}
_LAST = 9


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day of the bound hospital begins and when the next one does."""
    zone = ZoneInfo(bound_hospital().timezone)
    return tuple(  # type: ignore[return-value]
        datetime.combine(day + timedelta(days=offset), time(), tzinfo=zone).astimezone(UTC) for offset in (0, 1)
    )


def list_worklist(
    actor: Actor,
    day: date,
    *,
    doctor_id: UUID | None = None,
    department_id: UUID | None = None,
    statuses: Collection[AppointmentStatus] = (),
    order: Order = Order.NEXT_PATIENT,
    page: int = 1,
) -> Worklist:
    """Return the day's visits of a doctor, of a department or of all, in the order in which they need somebody.

    Rows carry patient, doctor and department, whether vital signs were taken, and the newest record. Who was on the
    page is written down in one row of the access log.
    """
    begins, ends = day_bounds(day)
    wanted = [Appointment.starts_at >= begins, Appointment.starts_at < ends]
    if doctor_id is not None:
        wanted.append(Appointment.doctor_id == doctor_id)
    if department_id is not None:
        wanted.append(Appointment.department_id == department_id)
    wanted.append(_reach(actor, doctor_id, department_id))
    counts = _count(wanted)
    shown = wanted + ([Appointment.status.in_(list(statuses))] if statuses else [])
    rows = db.session.execute(_rows(actor, shown, order).limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    total = sum(count for status, count in counts.items() if not statuses or status in statuses)
    record_access(
        actor, "worklist.view", subject_type="worklist", subject_id=None, patient_ids=[row.patient_id for row in rows]
    )
    return Worklist(day, Page(rows, max(page, 1), PER_PAGE, total), counts)


def _count(wanted: list[sa.ColumnElement[bool]]) -> dict[AppointmentStatus, int]:
    query = (
        sa.select(Appointment.status, sa.func.count())
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(*wanted)
        .group_by(Appointment.status)
    )
    found: dict[AppointmentStatus, int] = {row[0]: row[1] for row in db.session.execute(query)}
    return {status: found.get(status, 0) for status in AppointmentStatus}


def _reach(actor: Actor, doctor_id: UUID | None, department_id: UUID | None) -> sa.ColumnElement[bool]:
    """Return what narrows the day's visits: nothing one's own, confidentiality alone one's own department's."""
    bounds = bounds_of(actor)
    if bounds is not None and doctor_id == bounds.staff_id:
        return sa.true()
    scope = bounds.scopes.get(VIEW_APPOINTMENTS.code) if bounds else None
    if bounds and department_id and department_id == bounds.department_id and scope is Scope.DEPARTMENT:
        return open_to_colleagues(actor)
    return within_reach(actor, visiting(actor))


def _selected(actor: Actor) -> list[Any]:
    """Return the columns of a row, without what the person's roles hide."""
    empty = {
        "reason": None if may_read(actor, REASON.code) else sa.literal("").label("reason"),
        "allergy_state": None
        if may_read(actor, ALLERGIES.code)
        else sa.literal(AllergyState.NOT_RECORDED, Patient.allergy_state.type).label("allergy_state"),
    }
    return [column if empty.get(column.key) is None else empty[column.key] for column in _COLUMNS]


def _rows(actor: Actor, shown: list[sa.ColumnElement[bool]], order: Order) -> sa.Select[Any]:
    state = sa.case(_STATE_ORDER[order], value=Appointment.status, else_=_LAST)
    first: list[Any] = [state]
    if order is Order.VITALS_TO_TAKE:
        first = [sa.case((Appointment.status == AppointmentStatus.ARRIVED, _HAS_VITALS), else_=sa.true()), state]
    return (
        sa.select(*_selected(actor))
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .join(Department, Department.id == Appointment.department_id)
        .where(*shown)
        .order_by(*first, Appointment.starts_at, Appointment.id)
    )
