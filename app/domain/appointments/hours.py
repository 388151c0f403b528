"""Doctors' hours: the weekdays and times at which a doctor sees patients of a department, and in which room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.appointments.models import DoctorSchedule
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department, Room

SHORTEST_SLOT, LONGEST_SLOT = 5, 240
MOST_SHOWN = 100
MOST_IN_SLOT, MOST_BEYOND = 10, 5
ROOM_AT_ONCE = "ex_doctor_schedules_room_at_once"


class RoomInUse(Conflict):
    title = _l("Another doctor has this room then")
    default_message = _l("These hours overlap with hours that another doctor has in the same room.")
    remedy = _l("Choose another room or other times.")


class HoursOverlap(Conflict):
    title = _l("The doctor has hours then already")
    default_message = _l("These hours overlap with hours that the doctor has on the same weekday.")
    remedy = _l("Choose other times, or end the present hours first.")


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of a day on some weekdays, in a stretch of days that may be open."""

    weekdays: frozenset[int]
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class HoursRow:
    """Hours of one weekday, as they are shown."""

    id: UUID
    weekday: int
    starts: time
    ends: time
    slot_minutes: int
    valid_from: date
    valid_until: date | None
    department: str
    room: str | None
    capacity: int
    overbook_max: int


def add_hours(
    actor: Actor,
    *,
    username: str,
    department_code: str,
    weekdays: Sequence[int],
    starts: time,
    ends: time,
    slot_minutes: int,
    valid_from: date,
    valid_until: date | None = None,
    room_id: UUID | None = None,
    capacity: int = 1,
    overbook_max: int = 0,
) -> list[DoctorSchedule]:
    """Give a doctor hours on weekdays (0 is Monday); raises InvalidValue, HoursOverlap or RoomInUse."""
    hours = Hours(frozenset(weekdays), starts, ends, valid_from, valid_until)
    _check(hours, slot_minutes)
    _check_places(capacity, overbook_max)
    if room_id is not None and not _is_room(room_id):
        raise InvalidValue(_l("Choose from what the page offers."), field="room")
    doctor_id = _find_doctor(username)
    department_id = db.session.scalar(sa.select(Department.id).where(Department.code == department_code))
    if department_id is None:
        raise InvalidValue(_l("The hospital has no department with this code."), field="department")
    _refuse_overlap(doctor_id, hours)
    made = [
        DoctorSchedule(
            doctor_id=doctor_id,
            department_id=department_id,
            weekday=weekday,
            starts=starts,
            ends=ends,
            slot_minutes=slot_minutes,
            valid_from=valid_from,
            valid_until=valid_until,
            room_id=room_id,
            capacity=capacity,
            overbook_max=overbook_max,
            created_by=actor.id,
        )
        for weekday in sorted(hours.weekdays)
    ]
    try:
        with db.session.begin_nested():
            db.session.add_all(made)
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) == ROOM_AT_ONCE:
            raise RoomInUse from error
        raise
    record_change(
        actor,
        "schedule.add",
        subject_type="staff_user",
        subject_id=doctor_id,
        changes={"weekdays": [None, sorted(hours.weekdays)], "hours": [None, f"{starts:%H:%M}-{ends:%H:%M}"]},
    )
    return made


def _check(hours: Hours, slot_minutes: int) -> None:
    if not hours.weekdays or not all(0 <= weekday <= 6 for weekday in hours.weekdays):
        raise InvalidValue(_l("Choose weekdays from Monday to Sunday."), field="weekdays")
    if hours.ends <= hours.starts:
        raise InvalidValue(_l("The hours must end after they start."), field="ends")
    if not SHORTEST_SLOT <= slot_minutes <= LONGEST_SLOT:
        raise InvalidValue(
            _l("A slot has %(least)s to %(most)s minutes.", least=SHORTEST_SLOT, most=LONGEST_SLOT), field="slot"
        )
    if hours.valid_until is not None and hours.valid_until < hours.valid_from:
        raise InvalidValue(_l("The last day must not be before the first."), field="valid_until")


def _check_places(capacity: int, overbook_max: int) -> None:
    if not 1 <= capacity <= MOST_IN_SLOT:
        message = _l("Enter a number from %(least)s to %(most)s.", least=1, most=MOST_IN_SLOT)
        raise InvalidValue(message, field="capacity")
    if not 0 <= overbook_max <= MOST_BEYOND:
        message = _l("Enter a number from %(least)s to %(most)s.", least=0, most=MOST_BEYOND)
        raise InvalidValue(message, field="overbook_max")


def _is_room(room_id: UUID) -> bool:
    query = sa.select(sa.exists().where(Room.id == room_id, Room.closed_at.is_(None)))
    return bool(db.session.scalar(query))


def _find_doctor(username: str) -> UUID:
    query = sa.select(StaffUser.id).where(
        StaffUser.username == username.strip().lower(), StaffUser.deleted_at.is_(None), StaffUser.disabled_at.is_(None)
    )
    doctor_id = db.session.scalar(query.with_for_update())
    if doctor_id is None:
        raise InvalidValue(_l("Nobody at the hospital has this sign-in name."), field="username")
    return doctor_id


def _refuse_overlap(doctor_id: UUID, hours: Hours) -> None:
    overlapping = sa.exists().where(
        DoctorSchedule.doctor_id == doctor_id,
        DoctorSchedule.weekday.in_(hours.weekdays),
        DoctorSchedule.starts < hours.ends,
        DoctorSchedule.ends > hours.starts,
        sa.or_(DoctorSchedule.valid_until.is_(None), DoctorSchedule.valid_until >= hours.valid_from),
        *([DoctorSchedule.valid_from <= hours.valid_until] if hours.valid_until else []),
    )
    if db.session.scalar(sa.select(overlapping)):
        raise HoursOverlap


def list_hours(doctor_id: UUID, since: date) -> list[HoursRow]:
    """Return a doctor's hours that are not over before a day, weekday by weekday."""
    query = (
        sa.select(
            DoctorSchedule.id,
            DoctorSchedule.weekday,
            DoctorSchedule.starts,
            DoctorSchedule.ends,
            DoctorSchedule.slot_minutes,
            DoctorSchedule.valid_from,
            DoctorSchedule.valid_until,
            Department.name,
            Room.name,
            DoctorSchedule.capacity,
            DoctorSchedule.overbook_max,
        )
        .join(Department, Department.id == DoctorSchedule.department_id)
        .outerjoin(Room, Room.id == DoctorSchedule.room_id)
        .where(
            DoctorSchedule.doctor_id == doctor_id,
            sa.or_(DoctorSchedule.valid_until.is_(None), DoctorSchedule.valid_until >= since),
        )
        .order_by(DoctorSchedule.weekday, DoctorSchedule.starts)
        .limit(MOST_SHOWN)
    )
    return [HoursRow(*row) for row in db.session.execute(query)]


def end_hours(actor: Actor, doctor_id: UUID, schedule_id: UUID, today: date) -> bool:
    """Let a doctor's hours end with today, or with their first day; visits that are booked stay.

    Hours are only ever cut short: of those that end by then already nothing changes, which False says. Raises NotFound.
    """
    hours = db.session.get(DoctorSchedule, schedule_id, with_for_update=True, populate_existing=True)
    if hours is None or hours.doctor_id != doctor_id:
        raise NotFound
    before, last = hours.valid_until, max(today, hours.valid_from)
    if before is not None and before <= last:
        return False
    hours.valid_until, hours.updated_by = last, actor.id
    db.session.flush()
    record_change(
        actor,
        "schedule.end",
        subject_type="staff_user",
        subject_id=doctor_id,
        changes={"weekday": hours.weekday, "valid_until": [before.isoformat() if before else None, last.isoformat()]},
    )
    return True
