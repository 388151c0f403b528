"""What booking and moving a visit share: whose turn it is, which place is free, and what stood in the way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.appointments import queries, rules
from app.domain.appointments.busy import read_standing
from app.domain.appointments.errors import (
    EnoughOfType,
    HospitalClosed,
    NoSuchSlot,
    OwnOverlap,
    RoomTaken,
    SlotTaken,
)
from app.domain.appointments.models import Appointment, AppointmentType
from app.domain.appointments.slots import Slot
from app.domain.patients.errors import PatientHasDied

DOCTOR_AT_ONCE = "ex_appointments_doctor_at_once"
PATIENT_AT_ONCE = "ex_appointments_patient_at_once"
ROOM_AT_ONCE = "ex_appointments_room_at_once"
HELD, FULL = "slot_is_held", "slot_is_full"
KNOWN = (DOCTOR_AT_ONCE, PATIENT_AT_ONCE, ROOM_AT_ONCE, HELD, FULL)


def wait_for_turns(doctor_ids: Collection[UUID], patient_id: UUID) -> None:
    """Take bookings of these doctors, and those for one patient, one after another until the end of the transaction.

    The EXCLUDE constraints alone decide who is first; but two that insert at the same moment would wait for each other
    and one be ended as a deadlock, a second later and with no clear answer. Doctors are always locked before patients,
    and in one order.
    """
    locks = [
        sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"book:{each}", 0))
        for each in (*sorted(doctor_ids, key=str), patient_id)
    ]
    db.session.execute(sa.select(*locks), bind_arguments={"mapper": sa.inspect(Appointment)})


@dataclass(frozen=True, slots=True)
class Granted:
    """A slot with the place in it, and the hours and room that it belongs to."""

    slot: Slot
    place: int
    schedule_id: UUID | None
    room_id: UUID | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A time that is asked for: at which doctor's, of which type, whether it may be beyond the capacity, and
    whether free times nearby are looked for where it is not to be had."""

    doctor_id: UUID
    department_id: UUID
    starts_at: datetime
    type_id: UUID | None = None
    beyond: bool = False
    at_desk: bool = False
    alternatives: bool = True


def grant_place(wanted: Wanted, *, leaving: Appointment | None = None) -> Granted:
    """Return the place that is free at a wanted time; `leaving` is the visit that would move there.

    Raises PastSlot, NoSuchSlot, HospitalClosed, EnoughOfType, or SlotTaken in an absence and where it is full.
    """
    visit_type = _find_type(wanted, leaving)
    slot = _find_slot(wanted, visit_type.minutes if visit_type else None)
    standing = read_standing(wanted.doctor_id, slot.start, slot.end)
    if standing.holiday is not None:
        raise HospitalClosed(standing.holiday, field="slot")
    taken = list(standing.places)
    if leaving is not None and _stands_in(leaving, wanted.doctor_id, slot) and leaving.place in taken:
        taken.remove(leaving.place)
    place = None if standing.is_away else rules.choose_place(slot, taken, beyond=wanted.beyond)
    if place is None:
        raise SlotTaken(_others(wanted, slot))
    if visit_type is not None and visit_type.daily_capacity is not None:
        _refuse_beyond_type(wanted, slot, visit_type, leaving)
    hours = slot.hours
    return Granted(slot, place, getattr(hours, "id", None), getattr(hours, "room_id", None))


def explain_collision(
    error: IntegrityError, patient_id: UUID, wanted: Wanted, slot: Slot, *, moving: UUID | None = None
) -> Exception:
    """Return what to tell of a refusal by the database; of one that nobody expected, the refusal itself."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint in ("patient_is_not_erased", "patient_is_not_closed"):
        return NotFound()
    if constraint == "patient_is_alive":
        return PatientHasDied()
    if constraint not in KNOWN:
        return error
    if constraint == PATIENT_AT_ONCE:
        own = queries.find_own_at(patient_id, slot.start, slot.end, other_than=moving)
        if own is not None:
            return OwnOverlap(own.id, own.starts_at)
    return (RoomTaken if constraint == ROOM_AT_ONCE else SlotTaken)(_others(wanted, slot))


def _stands_in(visit: Appointment, doctor_id: UUID, slot: Slot) -> bool:
    return visit.doctor_id == doctor_id and visit.starts_at < slot.end and visit.ends_at > slot.start


def _find_type(wanted: Wanted, leaving: Appointment | None) -> sa.Row[*tuple[Any, ...]] | None:
    """Return the type that is wanted; a visit that moves keeps its own, also one that was closed since."""
    if wanted.type_id is None:
        return None
    query = sa.select(AppointmentType.minutes, AppointmentType.daily_capacity).where(
        AppointmentType.id == wanted.type_id
    )
    if leaving is None or leaving.type_id != wanted.type_id:
        query = query.where(
            AppointmentType.closed_at.is_(None),
            sa.or_(AppointmentType.department_id.is_(None), AppointmentType.department_id == wanted.department_id),
        )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise InvalidValue(_l("The department has no such type of visit."), field="type")
    return row


def _find_slot(wanted: Wanted, minutes: int | None) -> Slot:
    zone = queries.hospital_zone()
    found = queries.list_hours(wanted.department_id, wanted.doctor_id)
    hours = found[0].hours if found else ()
    slot = rules.check_slot(hours, wanted.starts_at, now=clock.now(), zone=zone, minutes=minutes)
    last = rules.last_bookable_day(clock.today(zone), at_desk=wanted.at_desk)
    if slot.start.astimezone(zone).date() > last:
        raise NoSuchSlot(field="slot")
    return slot


def _refuse_beyond_type(wanted: Wanted, slot: Slot, visit_type: Any, leaving: Appointment | None) -> None:
    """Hold a doctor to as many visits of a type on one day; bookings of the doctor come one after another."""
    zone = queries.hospital_zone()
    begins = datetime.combine(slot.start.astimezone(zone).date(), time.min, tzinfo=zone)
    query = sa.select(sa.func.count()).where(
        Appointment.doctor_id == wanted.doctor_id,
        Appointment.type_id == wanted.type_id,
        Appointment.starts_at >= begins,
        Appointment.starts_at < begins + timedelta(days=1),
        Appointment.status.not_in(queries.FREED),
    )
    if leaving is not None:
        query = query.where(Appointment.id != leaving.id)
    if (db.session.scalar(query) or 0) >= visit_type.daily_capacity:
        raise EnoughOfType(_others(wanted, slot))


def _others(wanted: Wanted, slot: Slot) -> tuple[queries.FreeSlot, ...]:
    if not wanted.alternatives:
        return ()
    minutes = int((slot.end - slot.start).total_seconds()) // 60 if wanted.type_id else None
    return queries.find_alternatives(wanted.doctor_id, wanted.department_id, slot.start, minutes)
