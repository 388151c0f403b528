"""What can be booked: departments, their doctors, and the doctors' free times, as rows in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.errors import NotFound
from app.domain.appointments import rules
from app.domain.appointments.busy import list_busy
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.models import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    DoctorSchedule,
)
from app.domain.appointments.slots import WeeklyHours, free_slots
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department
from app.tenancy.binding import bound_hospital

MOST_DEPARTMENTS = 100
MOST_DOCTORS = 200
MOST_TYPES = 100
WINDOW_DAYS = 14
FREED = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
_SHORTEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A time at which a doctor could see somebody."""

    doctor_id: UUID
    doctor_name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class DoctorHours:
    """A doctor's weekly hours in one department."""

    doctor_id: UUID
    doctor_name: str
    hours: tuple[WeeklyHours, ...]


def hospital_zone() -> ZoneInfo:
    """Return the time zone of the bound hospital, in which its schedules are written."""
    return ZoneInfo(bound_hospital().timezone)


def list_departments() -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """List the departments that can be booked, with how many doctors see patients there."""
    query = (
        sa.select(
            Department.id,
            Department.name,
            Department.name_en,
            sa.func.count(sa.distinct(DoctorSchedule.doctor_id)).label("doctors"),
        )
        .join(DoctorSchedule, DoctorSchedule.department_id == Department.id)
        .join(StaffUser, StaffUser.id == DoctorSchedule.doctor_id)
        .where(Department.accepts_bookings, *_still_sees_patients())
        .group_by(Department.id)
        .order_by(Department.position, Department.name)
        .limit(MOST_DEPARTMENTS)
    )
    return db.session.execute(query).all()


def get_department(department_id: UUID) -> sa.Row[*tuple[Any, ...]]:
    """Return a department that can be booked; raises NotFound."""
    query = sa.select(Department.id, Department.name, Department.name_en).where(
        Department.id == department_id, Department.accepts_bookings
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return row


def list_doctors(department_id: UUID) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """List the doctors who see patients of a department."""
    query = (
        sa.select(StaffUser.id, StaffUser.full_name, StaffUser.specialization)
        .where(
            StaffUser.id.in_(
                sa.select(DoctorSchedule.doctor_id).where(
                    DoctorSchedule.department_id == department_id, _in_force_from(_today())
                )
            ),
            StaffUser.deleted_at.is_(None),
            StaffUser.disabled_at.is_(None),
        )
        .order_by(StaffUser.full_name, StaffUser.id)
        .limit(MOST_DOCTORS)
    )
    return db.session.execute(query).all()


def list_hours(department_id: UUID, doctor_id: UUID | None = None) -> list[DoctorHours]:
    """List the weekly hours of a department's doctors, or of one of them."""
    query = (
        sa.select(
            DoctorSchedule.doctor_id,
            StaffUser.full_name,
            DoctorSchedule.weekday,
            DoctorSchedule.starts,
            DoctorSchedule.ends,
            DoctorSchedule.slot_minutes,
            DoctorSchedule.valid_from,
            DoctorSchedule.valid_until,
            DoctorSchedule.capacity,
            DoctorSchedule.overbook_max,
            DoctorSchedule.id,
            DoctorSchedule.room_id,
        )
        .join(StaffUser, StaffUser.id == DoctorSchedule.doctor_id)
        .join(Department, Department.id == DoctorSchedule.department_id)
        .where(DoctorSchedule.department_id == department_id, Department.accepts_bookings, *_still_sees_patients())
        .order_by(StaffUser.full_name, DoctorSchedule.doctor_id)
    )
    if doctor_id is not None:
        query = query.where(DoctorSchedule.doctor_id == doctor_id)
    found: dict[UUID, tuple[str, list[WeeklyHours]]] = {}
    for row in db.session.execute(query):
        hours = WeeklyHours(*row[2:])
        found.setdefault(row.doctor_id, (row.full_name, []))[1].append(hours)
    return [DoctorHours(doctor, name, tuple(every)) for doctor, (name, every) in found.items()]


def list_free_slots(
    *,
    department_id: UUID,
    doctor_id: UUID | None = None,
    from_day: date,
    days: int,
    minutes: int | None = None,
    beyond: bool = False,
) -> list[FreeSlot]:
    """List the free times of a department's doctors, or of one, in `days` days from a day: two queries.

    `minutes` is how long the visit takes, where that is more than a slot; `beyond` also lists what may be overbooked.
    """
    zone = hospital_zone()
    doctors = list_hours(department_id, doctor_id)
    start = datetime.combine(from_day, time.min, tzinfo=zone)
    busy = list_busy([entry.doctor_id for entry in doctors], start, start + timedelta(days=days))
    found = [
        FreeSlot(entry.doctor_id, entry.doctor_name, slot.start, slot.end)
        for entry in doctors
        for slot in free_slots(
            entry.hours,
            busy.visits.get(entry.doctor_id, ()),
            from_day,
            days,
            now=clock.now(),
            zone=zone,
            closed=busy.closed(entry.doctor_id),
            minutes=minutes,
            beyond=beyond,
        )
    ]
    return sorted(found, key=lambda slot: (slot.start, slot.doctor_name))


def get_free_slot(*, patient_id: UUID, department_id: UUID, doctor_id: UUID, starts_at: datetime) -> FreeSlot:
    """Return a doctor's free slot that begins at a moment, for a patient who is free then as well.

    Raises PastSlot, NoSuchSlot, OwnOverlap, or SlotTaken with others nearby.
    """
    own = find_own_at(patient_id, starts_at, starts_at + _SHORTEST)
    if own is not None:
        raise OwnOverlap(own.id, own.starts_at)
    zone = hospital_zone()
    day = starts_at.astimezone(zone).date()
    for slot in list_free_slots(department_id=department_id, doctor_id=doctor_id, from_day=day, days=1):
        if slot.start == starts_at:
            return slot
    hours = [each for entry in list_hours(department_id, doctor_id) for each in entry.hours]
    rules.check_slot(hours, starts_at, now=clock.now(), zone=zone)
    raise SlotTaken(find_alternatives(doctor_id, department_id, starts_at))


def find_alternatives(
    doctor_id: UUID | None, department_id: UUID, wanted: datetime, minutes: int | None = None
) -> tuple[FreeSlot, ...]:
    """Return free times near a wanted one: the doctor's own, or where there are none the department's."""
    zone = hospital_zone()
    today = clock.today(zone)
    day = min(max(wanted.astimezone(zone).date(), today), rules.last_bookable_day(today))
    from_day = max(today, day - timedelta(days=WINDOW_DAYS // 2))
    for doctor in dict.fromkeys((doctor_id, None)):
        slots = list_free_slots(
            department_id=department_id, doctor_id=doctor, from_day=from_day, days=WINDOW_DAYS, minutes=minutes
        )
        if slots:
            return tuple(rules.nearest(rules.one_for_each_time(slots, zone), wanted))
    return ()


def find_own_at(
    patient_id: UUID, start: datetime, end: datetime, *, other_than: UUID | None = None
) -> sa.Row[*tuple[Any, ...]] | None:
    """Return a patient's standing visit that overlaps a time, other than one that is about to leave it, or None."""
    query = sa.select(Appointment.id, Appointment.starts_at).where(
        Appointment.patient_id == patient_id,
        Appointment.starts_at < end,
        Appointment.ends_at > start,
        Appointment.status.not_in(FREED),
    )
    if other_than is not None:
        query = query.where(Appointment.id != other_than)
    return db.session.execute(query.order_by(Appointment.starts_at).limit(1)).one_or_none()


def list_types(department_id: UUID | None = None) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """List the types of visits in use, of all departments or those that one may have."""
    query = sa.select(AppointmentType.id, AppointmentType.name, AppointmentType.name_en, AppointmentType.minutes).where(
        AppointmentType.closed_at.is_(None)
    )
    if department_id is not None:
        query = query.where(
            sa.or_(AppointmentType.department_id.is_(None), AppointmentType.department_id == department_id)
        )
    return db.session.execute(query.order_by(AppointmentType.position, AppointmentType.name).limit(MOST_TYPES)).all()


def _still_sees_patients() -> tuple[sa.ColumnElement[bool], ...]:
    return (_in_force_from(_today()), StaffUser.deleted_at.is_(None), StaffUser.disabled_at.is_(None))


def _in_force_from(day: date) -> sa.ColumnElement[bool]:
    return sa.or_(DoctorSchedule.valid_until.is_(None), DoctorSchedule.valid_until >= day)


def _today() -> date:
    return clock.today(hospital_zone())
