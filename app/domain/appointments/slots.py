"""Free slots: cuts a doctor's weekly hours into slots and leaves out what is full, absent or past.

Pure arithmetic. That no slot is given away twice is held by the database, not by this list.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

HOME_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


class Hours(Protocol):
    """Hours of one weekday (0 is Monday) on a hospital's clocks, in force between two dates, both counted."""

    @property
    def weekday(self) -> int: ...
    @property
    def starts(self) -> time: ...
    @property
    def ends(self) -> time: ...
    @property
    def slot_minutes(self) -> int: ...
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_until(self) -> date | None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def overbook_max(self) -> int: ...


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    weekday: int
    starts: time
    ends: time
    slot_minutes: int
    valid_from: date | None = None
    valid_until: date | None = None
    capacity: int = 1
    overbook_max: int = 0
    id: UUID | None = None
    room_id: UUID | None = None


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time from start until just before end, both aware and in UTC, and the hours that it was cut from."""

    start: datetime
    end: datetime
    hours: Hours | None = field(default=None, compare=False)


class Occupied:
    """What stands in times: how many of it reach into a slot."""

    def __init__(self, times: Iterable[tuple[datetime, datetime]]) -> None:
        held = list(times)
        self._starts = sorted(start for start, _end in held)
        self._ends = sorted(end for _start, end in held)

    def count(self, slot: Slot) -> int:
        """Return how many have begun before the slot ends, without those that are over when it starts."""
        return bisect_left(self._starts, slot.end) - bisect_right(self._ends, slot.start)


def free_slots(
    schedule: Iterable[Hours],
    taken: Iterable[tuple[datetime, datetime]],
    start_date: date,
    days: int,
    *,
    now: datetime,
    zone: tzinfo = HOME_ZONE,
    closed: Iterable[tuple[datetime, datetime]] = (),
    minutes: int | None = None,
    beyond: bool = False,
) -> list[Slot]:
    """List the slots of `days` days from `start_date` that have not begun and in which there is a place.

    `taken` holds the start and end of visits, `closed` of absences and holidays, aware, in any order. A slot has as
    many places as its hours' capacity, with `beyond` those for overbooking as well. A visit of `minutes` that are more
    than a slot takes several in a row. Where hours of a doctor overlap each other, the earlier slot wins, so that the
    slots never overlap either.
    """
    hours = list(schedule)
    wanted = (start_date + timedelta(days=offset) for offset in range(days))
    offered = sorted({slot for day in wanted for slot in _slots_of(hours, day, zone, minutes) if slot.start > now})
    visits, closures = Occupied(taken), Occupied(closed)
    return list(
        _without_overlaps(
            slot for slot in offered if visits.count(slot) < places_of(slot, beyond) and not closures.count(slot)
        )
    )


def places_of(slot: Slot, beyond: bool = False) -> int:
    """Return how many patients may have a slot, with `beyond` counting those who are squeezed in."""
    if slot.hours is None:
        return 1
    return slot.hours.capacity + (slot.hours.overbook_max if beyond else 0)


def slots_of_day(
    schedule: Iterable[Hours], day: date, zone: tzinfo = HOME_ZONE, minutes: int | None = None
) -> list[Slot]:
    """List all slots that the hours hold on a day, free or not; those of several in a row may begin with any slot."""
    slots = sorted(set(_slots_of(list(schedule), day, zone, minutes)))
    return slots if minutes else list(_without_overlaps(slots))


def _slots_of(schedule: Iterable[Hours], day: date, zone: tzinfo, minutes: int | None) -> Iterator[Slot]:
    for hours in schedule:
        if hours.weekday != day.weekday() or not _in_force(hours, day):
            continue
        step = timedelta(minutes=hours.slot_minutes)
        length = step * -(-(minutes or 1) // hours.slot_minutes)
        start, closing = _instant(day, hours.starts, zone), _instant(day, hours.ends, zone)
        while start + length <= closing:
            yield Slot(start, start + length, hours)
            start += step


def _in_force(hours: Hours, day: date) -> bool:
    begun = hours.valid_from is None or hours.valid_from <= day
    return begun and (hours.valid_until is None or day <= hours.valid_until)


def _instant(day: date, clock: time, zone: tzinfo) -> datetime:
    # Slots are counted in UTC, so that a day on which the clocks change has neither a double nor a lost slot.
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _without_overlaps(offered: Iterable[Slot]) -> Iterator[Slot]:
    given_until = datetime.min.replace(tzinfo=UTC)
    for slot in offered:
        if slot.start >= given_until:
            yield slot
            given_until = slot.end
