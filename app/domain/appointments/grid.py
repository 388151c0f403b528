"""The plan of a day or a week as a grid: doctors or days across, times down, with visits and free slots in the cells.

Whose visits are out of somebody's reach are shown as taken, without a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.access.reach import visiting, within_reach
from app.domain.appointments.busy import Busy, list_busy
from app.domain.appointments.models import Appointment, DoctorSchedule
from app.domain.appointments.queries import FREED, hospital_zone
from app.domain.appointments.slots import Occupied, Slot, WeeklyHours, places_of, slots_of_day
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Room
from app.domain.patients.models import Patient

MOST_VISITS = 1000
FINEST = 10


@dataclass(frozen=True, slots=True)
class FreePlace:
    """A slot that can still be booked, and how many more may have it."""

    start: datetime
    department_id: UUID
    left: int


@dataclass(slots=True)
class Cell:
    """What is in one stretch of time of a column; `closed` where nobody is there though it lies in the hours."""

    visits: list[Any] = field(default_factory=list)
    free: list[FreePlace] = field(default_factory=list)
    goes_on: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A doctor on one day."""

    doctor_id: UUID
    doctor_name: str
    day: date
    rooms: tuple[str, ...]
    holiday: bool
    cells: dict[int, Cell]


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns, and the times of the rows in minutes after midnight; `hidden` counts visits that did not fit."""

    columns: list[Column]
    rows: list[int]
    step: int
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class _Hours:
    """Hours with whose and where they are."""

    doctor_id: UUID
    doctor_name: str
    department_id: UUID
    room: str | None
    weekly: WeeklyHours


def read_grid(
    actor: Actor, days: Sequence[date], *, department_id: UUID | None = None, doctor_id: UUID | None = None
) -> Grid:
    """Return the plan of some days of a department's doctors, or of one doctor: three queries."""
    zone = hospital_zone()
    begins = datetime.combine(days[0], time.min, tzinfo=zone)
    ends = datetime.combine(days[-1] + timedelta(days=1), time.min, tzinfo=zone)
    hours = _list_hours(days, department_id, doctor_id)
    visits, hidden = _list_visits(actor, begins, ends, department_id, doctor_id)
    names = {each.doctor_id: each.doctor_name for each in hours} | {row.doctor_id: row.doctor_name for row in visits}
    busy = list_busy(list(names), begins, ends)
    shown = [row.patient_id for row in visits if row.patient_name is not None]
    record_access(actor, "schedule.view", subject_type="schedule", subject_id=doctor_id, patient_ids=shown)
    step = max(min((each.weekly.slot_minutes for each in hours), default=30), FINEST)
    facts = _Facts(hours, visits, busy, step)
    columns = [
        facts.column(doctor, name, day)
        for doctor, name in sorted(names.items(), key=lambda entry: (entry[1], str(entry[0])))
        for day in days
    ]
    if len(days) == 1:
        columns = [column for column in columns if column.cells]
    minutes = [minute for column in columns for minute in column.cells]
    rows = list(range(min(minutes), max(minutes) + 1, step)) if minutes else []
    return Grid(columns, rows, step, hidden)


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that the columns are made of."""

    hours: Sequence[_Hours]
    visits: Sequence[Any]
    busy: Busy
    step: int

    def column(self, doctor_id: UUID, name: str, day: date) -> Column:
        """Return what a doctor has on one day."""
        zone, cells = hospital_zone(), dict[int, Cell]()

        def cell_at(moment: datetime) -> Cell:
            local = moment.astimezone(zone)
            return cells.setdefault((local.hour * 60 + local.minute) // self.step * self.step, Cell())

        own = [each for each in self.hours if each.doctor_id == doctor_id]
        self._offer(own, doctor_id, day, cell_at)
        for row in self.visits:
            if row.doctor_id == doctor_id and row.starts_at.astimezone(zone).date() == day:
                _put(row, cell_at, self.step)
        noon = datetime.combine(day, time(12), tzinfo=zone)
        rooms = {each.room for each in own if each.room and each.weekly.weekday == day.weekday()}
        is_holiday = bool(Occupied(self.busy.holidays).count(Slot(noon, noon + timedelta(minutes=1))))
        return Column(doctor_id, name, day, tuple(sorted(rooms)), is_holiday, cells)

    def _offer(self, own: Sequence[_Hours], doctor_id: UUID, day: date, cell_at: Callable[[datetime], Cell]) -> None:
        """Put the free slots into their cells, and mark those in which nobody is there."""
        taken = Occupied(self.busy.visits.get(doctor_id, ()))
        closed = Occupied(self.busy.closed(doctor_id))
        for each in own:
            for slot in slots_of_day([each.weekly], day, hospital_zone()):
                cell = cell_at(slot.start)
                is_closed = bool(closed.count(slot))
                cell.closed = cell.closed or is_closed
                left = places_of(slot) - taken.count(slot)
                if not is_closed and left > 0 and slot.start > clock.now():
                    cell.free.append(FreePlace(slot.start, each.department_id, left))


def _put(row: Any, cell_at: Callable[[datetime], Cell], step: int) -> None:
    """Put a visit where it begins, and mark the cells into which it goes on."""
    first = cell_at(row.starts_at)
    first.visits.append(row)
    later = row.starts_at + timedelta(minutes=step)
    while later < row.ends_at:
        cell = cell_at(later)
        cell.goes_on = cell.goes_on or cell is not first
        later += timedelta(minutes=step)


def _list_hours(days: Sequence[date], department_id: UUID | None, doctor_id: UUID | None) -> list[_Hours]:
    query = (
        sa.select(
            DoctorSchedule.doctor_id,
            StaffUser.full_name,
            DoctorSchedule.department_id,
            Room.name,
            DoctorSchedule.weekday,
            DoctorSchedule.starts,
            DoctorSchedule.ends,
            DoctorSchedule.slot_minutes,
            DoctorSchedule.valid_from,
            DoctorSchedule.valid_until,
            DoctorSchedule.capacity,
            DoctorSchedule.overbook_max,
        )
        .join(StaffUser, StaffUser.id == DoctorSchedule.doctor_id)
        .outerjoin(Room, Room.id == DoctorSchedule.room_id)
        .where(
            DoctorSchedule.valid_from <= days[-1],
            sa.or_(DoctorSchedule.valid_until.is_(None), DoctorSchedule.valid_until >= days[0]),
            StaffUser.deleted_at.is_(None),
            StaffUser.disabled_at.is_(None),
            *_of(DoctorSchedule, department_id, doctor_id),
        )
        .order_by(DoctorSchedule.starts)
    )
    return [_Hours(*row[:4], WeeklyHours(*row[4:])) for row in db.session.execute(query)]


def _list_visits(
    actor: Actor, begins: datetime, ends: datetime, department_id: UUID | None, doctor_id: UUID | None
) -> tuple[Sequence[Any], int]:
    """Return the visits, the first of the time first, and how many there are besides."""
    name = sa.case((within_reach(actor, visiting(actor)), Patient.full_name)).label("patient_name")
    query = (
        sa.select(
            Appointment.id,
            Appointment.starts_at,
            Appointment.ends_at,
            Appointment.status,
            Appointment.kind,
            Appointment.doctor_id,
            StaffUser.full_name.label("doctor_name"),
            Patient.id.label("patient_id"),
            name,
        )
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .where(
            Appointment.starts_at >= begins,
            Appointment.starts_at < ends,
            Appointment.status.not_in(FREED),
            *_of(Appointment, department_id, doctor_id),
        )
        .order_by(Appointment.starts_at, Appointment.place)
    )
    rows = db.session.execute(query.limit(MOST_VISITS)).all()
    if len(rows) < MOST_VISITS:
        return rows, 0
    total = db.session.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery())) or 0
    return rows, total - len(rows)


def _of(model: Any, department_id: UUID | None, doctor_id: UUID | None) -> list[sa.ColumnElement[bool]]:
    conditions = [] if department_id is None else [model.department_id == department_id]
    return conditions if doctor_id is None else [*conditions, model.doctor_id == doctor_id]
