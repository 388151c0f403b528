"""Places of a slot: how many there are, which is the next, and how long visits lie in them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.appointments.rules import choose_place, first_free
from app.domain.appointments.slots import Occupied, Slot, WeeklyHours, free_slots, slots_of_day

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MONDAY = date(2026, 11, 23)
EARLY = datetime(2026, 11, 1, tzinfo=ZONE)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime.combine(MONDAY, time(hour, minute), tzinfo=ZONE)


def hours(**facts: int) -> WeeklyHours:
    return WeeklyHours(0, time(7), time(9), 30, **facts)


@pytest.mark.parametrize(
    ("capacity", "beyond_max", "taken", "beyond", "place"),
    [
        (1, 0, [], False, 1),
        (1, 0, [1], False, None),
        (1, 2, [1], False, None),
        (1, 2, [1], True, 2),
        (1, 2, [1, 2, 3], True, None),
        (3, 0, [1, 3], False, 2),
        (2, 1, [3], False, 1),
        (2, 1, [3, 1], False, None),
    ],
)
def test_the_lowest_free_place_is_given_as_long_as_there_is_one(
    capacity: int, beyond_max: int, taken: list[int], beyond: bool, place: int | None
) -> None:
    slot = Slot(at(7), at(7, 30), hours(capacity=capacity, overbook_max=beyond_max))
    assert choose_place(slot, taken, beyond=beyond) == place


def test_the_first_free_place_fills_gaps() -> None:
    assert [first_free(taken) for taken in ([], [1], [2], [1, 2, 4], [5, 5])] == [1, 2, 1, 3, 1]


def test_a_slot_with_two_places_is_free_until_both_are_taken() -> None:
    def free(count: int) -> list[str]:
        slots = free_slots([hours(capacity=2)], [(at(7), at(7, 30))] * count, MONDAY, 1, now=EARLY, zone=ZONE)
        return [f"{slot.start.astimezone(ZONE):%H:%M}" for slot in slots]

    assert "07:00" in free(1)
    assert "07:00" not in free(2)


def test_a_long_visit_begins_at_any_slot_after_which_there_is_enough_time() -> None:
    slots = slots_of_day([hours()], MONDAY, ZONE, minutes=50)
    assert [(slot.start, slot.end - slot.start) for slot in slots] == [
        (at(7) + timedelta(minutes=30 * number), timedelta(hours=1)) for number in range(3)
    ]


def test_what_touches_a_slot_does_not_stand_in_it() -> None:
    held = Occupied([(at(6), at(7)), (at(7, 30), at(8)), (at(6), at(9))])
    assert held.count(Slot(at(7), at(7, 30))) == 1
