"""Free times as the desk asks for them: department, doctor, type of visit and day, from the address of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import request

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, format_time, parse_date
from app.core.ids import parse_id
from app.domain.appointments.queries import FreeSlot, list_departments, list_doctors, list_free_slots, list_types
from app.domain.identity.permissions import OVERBOOK
from app.hospital import wording
from app.web.principals import current_actor
from app.web.templates import hospital_zone, local_day

DAYS_SHOWN = 3
FIRST_YEAR, LAST_YEAR = 2000, 2200  # what no clock of any zone counts beyond


@dataclass(frozen=True, slots=True)
class Times:
    """What was asked for, what there is to choose from, and the free times under their days."""

    departments: Sequence[Any]
    doctors: Sequence[Any]
    types: Sequence[Any]
    department_id: UUID | None
    doctor_id: UUID | None
    type_id: UUID | None
    beyond: bool
    day: date
    day_error: str | None
    days: list[tuple[str, list[tuple[str, str]]]]
    shown: int

    @property
    def after(self) -> str:
        """The first day that is not shown."""
        return format_date(self.day + timedelta(days=self.shown))

    @property
    def asked(self) -> dict[str, Any]:
        """What an address carries on, but for the day."""
        return {
            "department": self.department_id,
            "doctor": self.doctor_id,
            "type": self.type_id,
            "beyond": 1 if self.beyond else None,
        }


def read_times(*, only_today: bool = False) -> Times:
    """Return the free times that the address of the present page asks for."""
    department_id, doctor_id = parse_id(request.args.get("department", "")), parse_id(request.args.get("doctor", ""))
    day, day_error = (clock.today(hospital_zone()), None) if only_today else read_day()
    types = list_types(department_id) if department_id else []
    chosen = next((row for row in types if str(row.id) == request.args.get("type")), None)
    beyond = request.args.get("beyond") == "1" and current_actor().may(OVERBOOK.code)
    shown = 1 if only_today else DAYS_SHOWN
    slots = (
        list_free_slots(
            department_id=department_id,
            doctor_id=doctor_id,
            from_day=day,
            days=shown,
            minutes=chosen.minutes if chosen else None,
            beyond=beyond,
        )
        if department_id
        else []
    )
    return Times(
        departments=list_departments(),
        doctors=list_doctors(department_id) if department_id else [],
        types=types,
        department_id=department_id,
        doctor_id=doctor_id,
        type_id=chosen.id if chosen else None,
        beyond=beyond,
        day=day,
        day_error=day_error,
        days=by_day(slots, with_doctor=doctor_id is None),
        shown=shown,
    )


def by_day(slots: Iterable[FreeSlot], *, with_doctor: bool) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the free times under their day, and under their doctor too where any doctor would do."""
    zone = hospital_zone()

    def heading(slot: FreeSlot) -> tuple[date, str]:
        return local_day(slot.start), slot.doctor_name if with_doctor else ""

    return [
        (
            f"{wording.weekday(day)} {format_date(day)}" + (f" · {doctor}" if doctor else ""),
            [(f"{slot.doctor_id}|{slot.start.isoformat()}", format_time(slot.start, zone)) for slot in together],
        )
        for (day, doctor), together in groupby(sorted(slots, key=heading), key=heading)
    ]


def read_day() -> tuple[date, str | None]:
    """Return the day that was asked for, today at the earliest, and what is wrong with what was typed."""
    this_day = clock.today(hospital_zone())
    typed = request.args.get("day", "").strip()
    try:
        day = parse_date(typed) if typed else this_day
    except InvalidValue as error:
        return this_day, str(error)
    return max(day, this_day), None


def read_slot(value: str | None) -> tuple[UUID, datetime] | None:
    """Return doctor and moment of a chosen time, or None where it is none."""
    doctor, _bar, moment = (value or "").partition("|")
    doctor_id = parse_id(doctor)
    try:
        starts_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if doctor_id is None or starts_at.tzinfo is None or not FIRST_YEAR <= starts_at.year <= LAST_YEAR:
        return None
    return doctor_id, starts_at
