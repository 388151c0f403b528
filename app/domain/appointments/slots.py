"""Free slots: cuts a doctor's weekly hours into slots and leaves out what is taken, absent or past.

Pure arithmetic. That no slot is given away twice is held by the database, not by this list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import accumulate
from typing import Protocol
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


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    weekday: int
    starts: time
    ends: time
    slot_minutes: int
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time from start until just before end, both aware and in UTC."""

    start: datetime
    end: datetime


def free_slots(
    schedule: Iterable[Hours],
    taken: Iterable[tuple[datetime, datetime]],
    start_date: date,
    days: int,
    *,
    now: datetime,
    zone: tzinfo = HOME_ZONE,
) -> list[Slot]:
    """List the slots of `days` days from `start_date` that have not begun and overlap nothing that is taken.

    `taken` holds the start and end of appointments and of absences alike, aware, in any order. Where hours of
    a doctor overlap each other, the earlier slot wins, so that the slots never overlap either.
    """
    hours = list(schedule)
    wanted = (start_date + timedelta(days=offset) for offset in range(days))
    offered = sorted({slot for day in wanted for slot in _slots_of(hours, day, zone) if slot.start > now})
    return list(_without_overlaps(offered, sorted(taken)))


def slots_of_day(schedule: Iterable[Hours], day: date, zone: tzinfo = HOME_ZONE) -> list[Slot]:
    """List all slots that the hours hold on a day, free or not."""
    return list(_without_overlaps(sorted(set(_slots_of(list(schedule), day, zone))), []))


def _slots_of(schedule: Iterable[Hours], day: date, zone: tzinfo) -> Iterator[Slot]:
    for hours in schedule:
        if hours.weekday != day.weekday() or not _in_force(hours, day):
            continue
        step = timedelta(minutes=hours.slot_minutes)
        start, closing = _instant(day, hours.starts, zone), _instant(day, hours.ends, zone)
        while start + step <= closing:
            yield Slot(start, start + step)
            start += step


def _in_force(hours: Hours, day: date) -> bool:
    begun = hours.valid_from is None or hours.valid_from <= day
    return begun and (hours.valid_until is None or day <= hours.valid_until)


def _instant(day: date, clock: time, zone: tzinfo) -> datetime:
    # Slots are counted in UTC, so that a day on which the clocks change has neither a double nor a lost slot.
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _without_overlaps(offered: list[Slot], taken: list[tuple[datetime, datetime]]) -> Iterator[Slot]:
    starts = [start for start, _end in taken]
    latest_ends = list(accumulate((end for _start, end in taken), max))
    given_until = datetime.min.replace(tzinfo=UTC)
    for slot in offered:
        # Whatever begins before the slot ends reaches into it exactly when the latest end among them does.
        earlier = bisect_left(starts, slot.end)
        busy = earlier > 0 and latest_ends[earlier - 1] > slot.start
        if not busy and slot.start >= given_until:
            yield slot
            given_until = slot.end
