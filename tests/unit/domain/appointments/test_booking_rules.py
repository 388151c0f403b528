"""The rules of booking, as tables of cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from app.core.errors import InvalidValue
from app.domain.appointments import rules
from app.domain.appointments.errors import NoSuchSlot, NotCancellable, PastSlot
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.slots import WeeklyHours

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)  # Monday, 08:00 in Vietnam
HOURS = [WeeklyHours(0, time(7), time(11, 30), 30)]


@dataclass(frozen=True)
class Offer:
    doctor_id: UUID
    doctor_name: str
    start: datetime


def at(hour: int, minute: int = 0, day: int = 23) -> datetime:
    """Return a time of November 2026 on Vietnam's clocks."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("typed", "kept"), [("Đau đầu", "Đau đầu"), ("  ho \n kéo  dài ", "ho kéo dài"), ("x" * 500, "x" * 500)]
)
def test_a_reason_is_kept_in_one_piece(typed: str, kept: str) -> None:
    assert rules.check_reason(typed) == kept


@pytest.mark.parametrize("typed", [None, "", " \n\t ", "x" * 501])
def test_a_reason_has_to_say_something_in_500_characters(typed: str | None) -> None:
    with pytest.raises(InvalidValue):
        rules.check_reason(typed)


def test_a_slot_of_the_hours_is_found_with_its_end() -> None:
    slot = rules.check_slot(HOURS, at(11), now=NOW, zone=ZONE)
    assert (slot.start, slot.end) == (at(11), at(11, 30))


@pytest.mark.parametrize("starts_at", [at(7), at(8), at(11, day=16)])
def test_what_has_begun_cannot_be_booked(starts_at: datetime) -> None:
    with pytest.raises(PastSlot):
        rules.check_slot(HOURS, starts_at, now=NOW, zone=ZONE)


@pytest.mark.parametrize("starts_at", [at(11, 30), at(9, 10), at(9, day=24)])
def test_what_is_no_slot_cannot_be_booked(starts_at: datetime) -> None:
    with pytest.raises(NoSuchSlot):
        rules.check_slot(HOURS, starts_at, now=NOW, zone=ZONE)


@pytest.mark.parametrize("status", list(AppointmentStatus))
@pytest.mark.parametrize("minutes", [-1, 0, 1])
def test_only_a_booked_visit_that_has_not_begun_is_cancelled(status: AppointmentStatus, minutes: int) -> None:
    starts_at = NOW + timedelta(minutes=minutes)
    allowed = status is AppointmentStatus.BOOKED and minutes > 0
    assert rules.is_cancellable(status, starts_at, now=NOW) is allowed
    if not allowed:
        with pytest.raises(NotCancellable):
            rules.check_cancellable(status, starts_at, now=NOW)


def test_of_doctors_free_at_one_time_the_one_with_the_emptiest_day_is_taken() -> None:
    busy, idle = uuid4(), uuid4()
    offers = [Offer(busy, "An", at(9)), Offer(idle, "Bình", at(9)), Offer(idle, "Bình", at(10))]
    assert [(offer.doctor_id, offer.start) for offer in rules.one_for_each_time(offers, ZONE)] == [
        (idle, at(9)),
        (idle, at(10)),
    ]


def test_the_nearest_times_come_in_the_order_of_the_day() -> None:
    doctor = uuid4()
    offers = [Offer(doctor, "An", at(hour)) for hour in (7, 8, 9, 10, 11)]
    assert [offer.start.hour for offer in rules.nearest(offers, at(9, 10), 3)] == [8, 9, 10]
