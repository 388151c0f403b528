from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.appointments.slots import HOME_ZONE, Slot, WeeklyHours, free_slots, slots_of_day

MONDAY = date(2026, 11, 23)
MORNING = WeeklyHours(0, time(7, 30), time(9, 0), 30)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def at(day: date, clock: str, zone: ZoneInfo = HOME_ZONE) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=zone).astimezone(UTC)


def clocks(slots: list[Slot]) -> list[str]:
    return [f"{slot.start.astimezone(HOME_ZONE):%d %H:%M}" for slot in slots]


def test_weekly_hours_are_cut_into_slots_in_utc() -> None:
    slots = free_slots([MORNING], [], MONDAY, 8, now=LONG_AGO)
    assert clocks(slots) == ["23 07:30", "23 08:00", "23 08:30", "30 07:30", "30 08:00", "30 08:30"]
    assert slots[0] == Slot(datetime(2026, 11, 23, 0, 30, tzinfo=UTC), datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


def test_a_slot_that_does_not_fit_before_closing_is_not_offered() -> None:
    hours = WeeklyHours(0, time(8), time(9, 10), 20)
    assert clocks(slots_of_day([hours], MONDAY)) == ["23 08:00", "23 08:20", "23 08:40"]


@pytest.mark.parametrize(
    ("begin", "end", "left"),
    [
        ("08:00", "08:30", ["23 07:30", "23 08:30"]),
        ("08:10", "08:15", ["23 07:30", "23 08:30"]),
        ("07:45", "08:15", ["23 08:30"]),
        ("00:00", "23:00", []),
        ("09:00", "10:00", ["23 07:30", "23 08:00", "23 08:30"]),
        ("07:00", "07:30", ["23 07:30", "23 08:00", "23 08:30"]),
    ],
)
def test_what_is_taken_is_left_out_and_touching_is_not_overlapping(begin: str, end: str, left: list[str]) -> None:
    taken = [(at(MONDAY, begin), at(MONDAY, end))]
    assert clocks(free_slots([MORNING], taken, MONDAY, 1, now=LONG_AGO)) == left


def test_a_slot_that_has_begun_is_past() -> None:
    assert clocks(free_slots([MORNING], [], MONDAY, 1, now=at(MONDAY, "07:59"))) == ["23 08:00", "23 08:30"]
    assert clocks(free_slots([MORNING], [], MONDAY, 1, now=at(MONDAY, "08:00"))) == ["23 08:30"]


def test_hours_count_only_while_they_are_in_force() -> None:
    hours = WeeklyHours(0, time(8), time(8, 30), 30, valid_from=date(2026, 11, 30), valid_until=date(2026, 12, 7))
    assert clocks(free_slots([hours], [], MONDAY, 30, now=LONG_AGO)) == ["30 08:00", "07 08:00"]


def test_hours_that_overlap_each_other_give_no_overlapping_slots() -> None:
    hours = [WeeklyHours(0, time(8), time(9), 30), WeeklyHours(0, time(8, 15), time(9, 15), 30)]
    assert clocks(free_slots(hours, [], MONDAY, 1, now=LONG_AGO)) == ["23 08:00", "23 08:30"]


def test_a_day_on_which_the_clocks_change_has_no_double_slot() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = [WeeklyHours(6, time(1), time(4), 60)]
    assert len(slots_of_day(night, date(2026, 10, 25), berlin)) == 4
    assert len(slots_of_day(night, date(2026, 3, 29), berlin)) == 2


quarters = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
schedules = st.lists(
    st.builds(WeeklyHours, st.integers(0, 6), quarters, quarters, st.sampled_from([5, 10, 15, 20, 30, 45, 60])),
    max_size=6,
)
moments = st.integers(-24 * 60, 8 * 24 * 60).map(lambda minutes: at(MONDAY, "00:00") + timedelta(minutes=minutes))
intervals = st.tuples(moments, st.integers(1, 600)).map(lambda pair: (pair[0], pair[0] + timedelta(minutes=pair[1])))


@given(schedules, st.lists(intervals, max_size=12), st.integers(0, 7), moments)
def test_free_slots_are_inside_the_schedule_never_taken_never_past_never_overlapping(
    schedule: list[WeeklyHours], taken: list[tuple[datetime, datetime]], days: int, now: datetime
) -> None:
    slots = free_slots(schedule, taken, MONDAY, days, now=now)
    for slot in slots:
        local, closing = slot.start.astimezone(HOME_ZONE), slot.end.astimezone(HOME_ZONE)
        assert slot.start.tzinfo is UTC
        assert MONDAY <= local.date() < MONDAY + timedelta(days=days)
        assert slot.start > now
        assert all(slot.end <= start or end <= slot.start for start, end in taken)
        assert any(
            hours.weekday == local.weekday() and hours.starts <= local.time() and closing.time() <= hours.ends
            for hours in schedule
        )
    assert all(one.end <= other.start for one, other in pairwise(slots))


@given(
    st.builds(WeeklyHours, st.integers(0, 6), quarters, quarters, st.sampled_from([15, 30])),
    st.lists(intervals),
)
def test_every_slot_that_is_not_taken_is_offered(hours: WeeklyHours, taken: list[tuple[datetime, datetime]]) -> None:
    everything = free_slots([hours], [], MONDAY, 7, now=LONG_AGO)
    free = [slot for slot in everything if all(slot.end <= start or end <= slot.start for start, end in taken)]
    assert free_slots([hours], taken, MONDAY, 7, now=LONG_AGO) == free
