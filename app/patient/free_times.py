"""Free times as the booking pages show them: a window of days, one of them open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from app.core import clock
from app.core.errors import NotFound
from app.core.formats.dates import format_time
from app.core.i18n import _
from app.domain.appointments.queries import WINDOW_DAYS, FreeSlot, hospital_zone, list_doctors, list_free_slots
from app.domain.appointments.rules import last_bookable_day, one_for_each_time

ANY = "any"
SLOT_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Window:
    """Two weeks of free times; `day` is the one whose times are shown."""

    start: date
    end: date
    day: date | None
    days: Mapping[date, Sequence[FreeSlot]]
    earlier: date | None
    later: date | None
    doctor_name: str | None
    fault: str | None = None

    @property
    def times(self) -> list[tuple[str, str]]:
        """The shown day's times, each with its value in the form."""
        zone = hospital_zone()
        shown = self.days[self.day] if self.day else ()
        return [(format_slot(slot.start), format_time(slot.start, zone)) for slot in shown]

    def find(self, value: str | None) -> FreeSlot | None:
        """Return the free slot that a form's value names, or None."""
        wanted = parse_slot(value)
        return next((slot for slots in self.days.values() for slot in slots if slot.start == wanted), None)

    def words_for_no_choice(self, value: str | None) -> str:
        """Say why a form without a usable time cannot go on."""
        if not value:
            return _("Choose a time.")
        return _("This time is not free any more. Choose another one.")


def format_slot(moment: datetime) -> str:
    """Write the beginning of a slot for an address."""
    return moment.astimezone(UTC).strftime(SLOT_FORMAT)


def parse_slot(text: str | None) -> datetime | None:
    """Read the beginning of a slot from an address, or None where it is none."""
    try:
        moment = datetime.strptime(text or "", SLOT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if 2000 <= moment.year <= 2200 else None


def earliest_by_doctor(department_id: UUID) -> dict[UUID | None, datetime]:
    """Return the first free time of each doctor in the coming two weeks, and of the department under None."""
    today = clock.today(hospital_zone())
    earliest: dict[UUID | None, datetime] = {}
    for slot in list_free_slots(department_id=department_id, from_day=today, days=WINDOW_DAYS):
        earliest.setdefault(slot.doctor_id, slot.start)
        earliest.setdefault(None, slot.start)
    return earliest


def read_window(
    department_id: UUID, doctor_id: UUID | None, arguments: Mapping[str, str], minutes: int | None = None
) -> Window:
    """Return the window that an address asks for; days that do not exist or cannot be booked are put right.

    `minutes` is how long the visit takes, where that is more than a slot.
    """
    zone = hospital_zone()
    today = clock.today(zone)
    last = last_bookable_day(today)
    start, start_exists = _read_day(arguments.get("from"), today)
    day, day_exists = _read_day(arguments.get("day"), None)
    start = min(max(start or today, today), last)
    slots = list_free_slots(
        department_id=department_id,
        doctor_id=doctor_id,
        from_day=start,
        days=min(WINDOW_DAYS, (last - start).days + 1),
        minutes=minutes,
    )
    days: dict[date, list[FreeSlot]] = {}
    for slot in one_for_each_time(slots, zone):
        days.setdefault(slot.start.astimezone(zone).date(), []).append(slot)
    following = start + timedelta(days=WINDOW_DAYS)
    return Window(
        start=start,
        end=min(following - timedelta(days=1), last),
        day=day if day in days else next(iter(days), None),
        days=days,
        earlier=max(start - timedelta(days=WINDOW_DAYS), today) if start > today else None,
        later=following if following <= last else None,
        doctor_name=_doctor_name(department_id, doctor_id) if doctor_id else None,
        fault=None if start_exists and day_exists else _("There is no such day in the calendar. Choose one of these."),
    )


def _doctor_name(department_id: UUID, doctor_id: UUID) -> str:
    """Return the name of one of the department's doctors; raises NotFound for anybody else's id."""
    name = next((doctor.full_name for doctor in list_doctors(department_id) if doctor.id == doctor_id), None)
    if name is None:
        raise NotFound
    return str(name)


def _read_day(text: str | None, default: date | None) -> tuple[date | None, bool]:
    if not text:
        return default, True
    try:
        return datetime.strptime(text, "%Y-%m-%d").date(), True  # noqa: DTZ007
    except ValueError:
        return default, False
