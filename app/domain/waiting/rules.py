"""Whether a freed time suits somebody who waits, and until when they may answer. Pure functions of facts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from uuid import UUID

# Between the end of an offer and the visit somebody still has to make their way.
LEAST_NOTICE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which times somebody waits for, on the hospital's clocks."""

    doctor_id: UUID | None
    weekdays: Collection[int]
    from_time: time
    until_time: time
    first_day: date
    last_day: date
    before: datetime | None = None


def suits(wish: Wish, doctor_id: UUID, starts_at: datetime, zone: tzinfo) -> bool:
    """Tell whether a time is one of those that somebody waits for; `before` is the visit they have."""
    local = starts_at.astimezone(zone)
    return (
        wish.doctor_id in (None, doctor_id)
        and (not wish.weekdays or local.weekday() in wish.weekdays)
        and wish.from_time <= local.time() < wish.until_time
        and wish.first_day <= local.date() <= wish.last_day
        and (wish.before is None or starts_at < wish.before)
    )


def deadline(now: datetime, starts_at: datetime, minutes: int) -> datetime:
    """Return until when an offer stands: the hospital's minutes, and never into the last half hour before the time."""
    return min(now + timedelta(minutes=minutes), starts_at - LEAST_NOTICE)
