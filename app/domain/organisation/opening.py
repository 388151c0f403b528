"""When the hospital is open: its hours of the week, and the holidays on which nothing is booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_change
from app.domain.organisation.models import Holiday, HospitalInfo, Setting
from app.tenancy.binding import bound_hospital

KEY = "opening_hours"
MOST_HOLIDAYS = 200
LONGEST_BREAK = 31
LONGEST_NAME = 200
# Bộ luật Lao động 2019, điều 112: the days with a fixed date. Tết, Giỗ Tổ and the second day of the national holiday
# follow the lunar calendar or a yearly decision; the hospital adds them.
FIXED_HOLIDAYS = (
    (1, 1, "Tết Dương lịch"),
    (4, 30, "Ngày Chiến thắng"),
    (5, 1, "Quốc tế Lao động"),
    (9, 2, "Quốc khánh"),
)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """On which weekdays (0 is Monday) and from when until when the hospital is open."""

    weekdays: frozenset[int] = frozenset(range(6))
    opens: time = time(7)
    closes: time = time(17)
    version: int = 0

    def covers(self, weekday: int, starts: time, ends: time) -> bool:
        """Tell whether hours lie within the opening hours."""
        return weekday in self.weekdays and self.opens <= starts and ends <= self.closes


def read_opening_hours() -> OpeningHours:
    """Return when the hospital is open."""
    row = db.session.execute(sa.select(Setting.value, Setting.version).where(Setting.key == KEY)).one_or_none()
    if row is None:
        return OpeningHours()
    days = frozenset(day - 1 for day in row.value["days"])
    return OpeningHours(days, time.fromisoformat(row.value["from"]), time.fromisoformat(row.value["to"]), row.version)


def change_opening_hours(actor: Actor, hours: OpeningHours) -> None:
    """Change when the hospital is open; raises InvalidValue, or StaleVersion by the version in `hours`."""
    if not hours.weekdays or not hours.weekdays <= set(range(7)):
        raise InvalidValue(_l("Choose weekdays from Monday to Sunday."), field="weekdays")
    if hours.closes <= hours.opens:
        raise InvalidValue(_l("The hours must end after they start."), field="closes")
    standing = db.session.scalars(sa.select(Setting).where(Setting.key == KEY).with_for_update()).one_or_none()
    if (standing.version if standing else 0) != hours.version:
        raise StaleVersion
    if standing is None:
        standing = Setting(key=KEY, value={}, created_by=actor.id)
        db.session.add(standing)
    before = dict(standing.value)
    standing.value = {
        "days": sorted(day + 1 for day in hours.weekdays),
        "from": f"{hours.opens:%H:%M}",
        "to": f"{hours.closes:%H:%M}",
    }
    standing.updated_by = actor.id
    db.session.flush()
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    changes = {name: [before.get(name), value] for name, value in standing.value.items() if before.get(name) != value}
    record_change(actor, "opening_hours.change", subject_type="setting", subject_id=hospital_id, changes=changes)


def list_holidays(since: date) -> Sequence[Any]:
    """Return the holidays from a day on, and how many visits stand on each."""
    zone = bound_hospital().timezone
    begins = sa.func.timezone(zone, sa.cast(Holiday.day, sa.DateTime()))
    visits = (
        sa.select(sa.func.count())
        .select_from(Appointment)
        .where(
            Appointment.starts_at >= begins,
            Appointment.starts_at < begins + sa.text("interval '1 day'"),
            Appointment.status == AppointmentStatus.BOOKED,
        )
        .correlate(Holiday)
        .scalar_subquery()
        .label("visits")
    )
    query = sa.select(Holiday.id, Holiday.day, Holiday.name, visits).where(Holiday.day >= since)
    return db.session.execute(query.order_by(Holiday.day).limit(MOST_HOLIDAYS)).all()


def add_holidays(actor: Actor, first: date, last: date, name: str, *, today: date) -> tuple[int, int]:
    """Close the hospital on the days of a stretch; return how many days are new, and how many visits stand on them.

    Visits that are booked stay: somebody moves them or calls them off. Raises InvalidValue.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidValue(_l("Enter a name, such as Tết Nguyên đán."), field="name")
    if first < today:
        raise InvalidValue(_l("Choose a day that is still to come."), field="first")
    if not first <= last <= first + timedelta(days=LONGEST_BREAK - 1):
        raise InvalidValue(
            _l("The last day must not be before the first, and at most %(most)s days.", most=LONGEST_BREAK),
            field="last",
        )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return _close(actor, [(day, name) for day in days]), count_booked(first, last)


def add_fixed_holidays(actor: Actor, today: date) -> int:
    """Close the hospital on the public holidays of fixed date in the next twelve months; return how many are new."""
    return _close(actor, list_fixed_holidays(today))


def list_fixed_holidays(today: date) -> list[tuple[date, str]]:
    """Return the public holidays of fixed date in the twelve months after a day."""
    return [
        (day, name)
        for year in (today.year, today.year + 1)
        for month, number, name in FIXED_HOLIDAYS
        if today < (day := date(year, month, number)) <= today + timedelta(days=365)
    ]


def remove_holiday(actor: Actor, holiday_id: UUID) -> None:
    """Open the hospital on a day again; raises NotFound where it is open already."""
    day = db.session.scalar(sa.delete(Holiday).where(Holiday.id == holiday_id).returning(Holiday.day))
    if day is None:
        raise NotFound
    record_change(
        actor, "holiday.remove", subject_type="holiday", subject_id=holiday_id, changes={"day": [day.isoformat(), None]}
    )


def count_booked(first: date, last: date) -> int:
    """Return how many visits are booked from a day to another, both counted."""
    zone = ZoneInfo(bound_hospital().timezone)
    query = sa.select(sa.func.count()).where(
        Appointment.starts_at >= datetime.combine(first, time.min, tzinfo=zone),
        Appointment.starts_at < datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone),
        Appointment.status == AppointmentStatus.BOOKED,
    )
    return db.session.scalar(query) or 0


def _close(actor: Actor, days: Sequence[tuple[date, str]]) -> int:
    rows = [{"id": new_id(), "day": day, "name": name, "created_by": actor.id} for day, name in days]
    if not rows:
        return 0
    written = insert(Holiday).values(rows).on_conflict_do_nothing(index_elements=["day"]).returning(Holiday.id)
    new = db.session.scalars(written).all()
    if new:
        record_change(
            actor,
            "holiday.add",
            subject_type="holiday",
            subject_id=new[0],
            changes={"days": [None, [day.isoformat() for day, _name in days]]},
        )
    return len(new)
