"""When doctors are taken, when they are away, and when nobody is there: what stands in the way of a visit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import Appointment, ScheduleException
from app.domain.organisation.models import Holiday
from app.tenancy.binding import bound_hospital

# Standing visits without whose they are: a patient may see when a doctor is taken, and no row of others.
_BUSY = sa.table(
    "busy_times",
    sa.column("doctor_id", sa.Uuid),
    sa.column("starts_at", sa.DateTime(timezone=True)),
    sa.column("ends_at", sa.DateTime(timezone=True)),
    sa.column("place", sa.SmallInteger),
)
_LONGEST_BUSY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the way of a visit at some time: the places that are taken, an absence, a holiday."""

    places: tuple[int, ...]
    is_away: bool
    holiday: str | None


@dataclass(frozen=True, slots=True)
class Busy:
    """When doctors are taken, when they are away, and when nobody is there."""

    visits: dict[UUID, list[tuple[datetime, datetime]]]
    absences: dict[UUID, list[tuple[datetime, datetime]]]
    holidays: list[tuple[datetime, datetime]]

    def closed(self, doctor_id: UUID) -> list[tuple[datetime, datetime]]:
        """Return when a doctor is not to be booked at all."""
        return [*self.absences.get(doctor_id, ()), *self.holidays]


def read_standing(doctor_id: UUID, start: datetime, end: datetime) -> Standing:
    """Return what stands in the way of a visit to a doctor at a time: one query."""
    absent = (
        sa.exists()
        .where(
            ScheduleException.doctor_id == doctor_id,
            ScheduleException.starts_at < end,
            ScheduleException.ends_at > start,
        )
        .label("is_away")
    )
    day = start.astimezone(ZoneInfo(bound_hospital().timezone)).date()
    holiday = sa.select(Holiday.name).where(Holiday.day == day).scalar_subquery().label("holiday")
    places = sa.select(_BUSY.c.place).where(
        _BUSY.c.doctor_id == doctor_id,
        _BUSY.c.starts_at > start - _LONGEST_BUSY,
        _BUSY.c.starts_at < end,
        _BUSY.c.ends_at > start,
    )
    query = sa.select(sa.func.array(places.scalar_subquery()).label("places"), absent, holiday)
    row = db.session.execute(query, bind_arguments={"mapper": sa.inspect(Appointment)}).one()
    return Standing(tuple(row.places), row.is_away, row.holiday)


def list_busy(doctor_ids: Sequence[UUID], start: datetime, end: datetime) -> Busy:
    """Return when doctors are taken or away between two moments, with the hospital's holidays: one query."""
    if not doctor_ids:
        return Busy({}, {}, [])
    visits = sa.select(sa.literal("visit"), _BUSY.c.doctor_id, _BUSY.c.starts_at, _BUSY.c.ends_at).where(
        _BUSY.c.doctor_id.in_(doctor_ids), _BUSY.c.starts_at >= start - _LONGEST_BUSY, _BUSY.c.starts_at < end
    )
    absences = sa.select(
        sa.literal("absence"), ScheduleException.doctor_id, ScheduleException.starts_at, ScheduleException.ends_at
    ).where(
        ScheduleException.doctor_id.in_(doctor_ids),
        ScheduleException.starts_at < end,
        ScheduleException.ends_at > start,
    )
    zone = ZoneInfo(bound_hospital().timezone)
    begins = sa.func.timezone(str(zone), sa.cast(Holiday.day, sa.DateTime()))
    holidays = sa.select(
        sa.literal("holiday"), sa.cast(sa.null(), sa.Uuid), begins, begins + sa.text("interval '1 day'")
    ).where(Holiday.day >= start.astimezone(zone).date(), Holiday.day <= end.astimezone(zone).date())
    every = sa.union_all(visits, absences, holidays)
    rows = db.session.execute(every, bind_arguments={"mapper": sa.inspect(Appointment)}).all()
    return Busy(
        _by_doctor(row[1:] for row in rows if row[0] == "visit"),
        _by_doctor(row[1:] for row in rows if row[0] == "absence"),
        [(row[2], row[3]) for row in rows if row[0] == "holiday"],
    )


def _by_doctor(rows: Iterable[Any]) -> dict[UUID, list[tuple[datetime, datetime]]]:
    busy: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for doctor_id, starts_at, ends_at in rows:
        busy.setdefault(doctor_id, []).append((starts_at, ends_at))
    return busy
