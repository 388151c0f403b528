"""What may be booked and cancelled, as pure functions of facts; the database holds that no time is given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Protocol, TypeVar
from uuid import UUID

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.appointments.errors import NoSuchSlot, NotCancellable, PastSlot
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.slots import Hours, Slot, places_of, slots_of_day

LONGEST_REASON = 500
BOOKABLE_DAYS = 90
DESK_BOOKABLE_DAYS = 366
ALTERNATIVES = 6


class Offered(Protocol):
    """A free time of one doctor."""

    @property
    def doctor_id(self) -> UUID: ...
    @property
    def doctor_name(self) -> str: ...
    @property
    def start(self) -> datetime: ...


SlotOf = TypeVar("SlotOf", bound=Offered)


def check_reason(text: str | None) -> str:
    """Return the reason of a visit in one piece; raises InvalidValue when it is empty or too long."""
    reason = " ".join((text or "").split())
    if not reason:
        raise InvalidValue(_l("Write in a few words why you want to see a doctor."), field="reason")
    if len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST_REASON), field="reason")
    return reason


def check_slot(
    hours: Iterable[Hours], starts_at: datetime, *, now: datetime, zone: tzinfo, minutes: int | None = None
) -> Slot:
    """Return the slot of the doctor's hours that begins at a moment; raises PastSlot or NoSuchSlot."""
    if starts_at <= now:
        raise PastSlot(field="slot")
    day = starts_at.astimezone(zone).date()
    for slot in slots_of_day(hours, day, zone, minutes):
        if slot.start == starts_at:
            return slot
    raise NoSuchSlot(field="slot")


def check_cancellable(status: AppointmentStatus, starts_at: datetime, *, now: datetime) -> None:
    """Refuse to cancel what has begun or is over; raises NotCancellable."""
    if status is not AppointmentStatus.BOOKED or starts_at <= now:
        raise NotCancellable


def is_cancellable(status: AppointmentStatus, starts_at: datetime, *, now: datetime) -> bool:
    """Tell whether a patient can still cancel a visit."""
    return status is AppointmentStatus.BOOKED and starts_at > now


def choose_place(slot: Slot, taken: Collection[int], *, beyond: bool) -> int | None:
    """Return the first free place of a slot in which some are taken, or None where there is none (any more)."""
    if len(taken) >= places_of(slot, beyond):
        return None
    return first_free(taken)


def first_free(taken: Collection[int]) -> int:
    """Return the lowest place, beginning with 1, that nobody has."""
    return next(place for place in range(1, len(taken) + 2) if place not in taken)


def last_bookable_day(today: date, *, at_desk: bool = False) -> date:
    """Return the last day for which patients may book, or the desk for them."""
    return today + timedelta(days=DESK_BOOKABLE_DAYS if at_desk else BOOKABLE_DAYS)


def one_for_each_time(slots: Sequence[SlotOf], zone: tzinfo) -> list[SlotOf]:
    """Of the doctors who are free at the same time keep the one with the most free time that day, then by name."""
    free_on_day = Counter((slot.doctor_id, slot.start.astimezone(zone).date()) for slot in slots)
    best: dict[datetime, SlotOf] = {}
    for slot in sorted(
        slots,
        key=lambda each: (
            each.start,
            -free_on_day[each.doctor_id, each.start.astimezone(zone).date()],
            each.doctor_name,
            each.doctor_id,
        ),
    ):
        best.setdefault(slot.start, slot)
    return list(best.values())


def nearest(slots: Iterable[SlotOf], wanted: datetime, count: int = ALTERNATIVES) -> list[SlotOf]:
    """Return the slots closest to a wanted time, in the order of the day."""
    closest = sorted(slots, key=lambda slot: (abs(slot.start - wanted), slot.start))[:count]
    return sorted(closest, key=lambda slot: slot.start)
