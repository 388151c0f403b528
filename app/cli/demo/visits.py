"""Plans three weeks of visits around today: last week behind, today in the middle of its work, next week half empty.

Every visit lies in a slot of its doctor's hours; nobody is in two places, and nobody comes twice within three days.
What states a visit went through, and when, agrees with the present moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from app.cli.demo.cases import Case, fitting_cases
from app.cli.demo.people import Person
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.slots import Slot, WeeklyHours, slots_of_day

DAYS_BETWEEN_VISITS = 3
WAITING = timedelta(minutes=75)
_CANCELLED_BECAUSE = ("Bận việc gia đình", "Đã khám nơi khác", "Đổi sang ngày khác", "Đi công tác đột xuất")


@dataclass(frozen=True, slots=True)
class Clinic:
    """A doctor with department and hours."""

    doctor_id: UUID
    department: str
    department_id: UUID
    hours: tuple[WeeklyHours, ...]


@dataclass(slots=True)
class Visit:
    """A visit with what became of it so far."""

    clinic: Clinic
    person: Person
    case: Case
    slot: Slot
    booked_at: datetime
    id: UUID = field(default_factory=new_id)
    status: AppointmentStatus = AppointmentStatus.BOOKED
    arrived_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None

    @property
    def steps(self) -> int:
        """How often the visit was changed since it was booked."""
        times = (self.arrived_at, self.started_at, self.finished_at, self.cancelled_at)
        return sum(moment is not None for moment in times) + (self.status is AppointmentStatus.NO_SHOW)

    @property
    def changed_at(self) -> datetime:
        """When the visit was changed last."""
        if self.status is AppointmentStatus.NO_SHOW:
            return self.slot.end
        times = (self.booked_at, self.arrived_at, self.started_at, self.finished_at, self.cancelled_at)
        return max(moment for moment in times if moment is not None)


class Planner:
    """Plans the visits of one hospital."""

    def __init__(self, random: Random, people: list[Person], now: datetime, zone: ZoneInfo) -> None:
        self._random = random
        self._people = people
        self._now = now
        self._zone = zone
        self._today = now.astimezone(zone).date()
        self._days_of: dict[UUID, list[date]] = {}
        self._case_of: dict[tuple[UUID, str], Case] = {}

    def plan(self, clinics: list[Clinic], promised: list[Visit]) -> list[Visit]:
        """Return the promised visits and those of everybody else, in the order in which they were booked."""
        visits = list(promised)
        monday = self._today - timedelta(days=self._today.weekday())
        for offset in range(-7, 14):
            for clinic in clinics:
                visits.extend(self._day(clinic, monday + timedelta(days=offset), visits))
        return sorted(visits, key=lambda visit: visit.booked_at)

    def promise(self, clinic: Clinic, person: Person, days: int) -> Visit | None:
        """Return a visit of a certain person on the clinic's first open day at or beyond so many days from today."""
        step = 1 if days > 0 else -1
        for day in (self._today + timedelta(days=days + step * more) for more in range(7)):
            slots = slots_of_day(clinic.hours, day, self._zone)
            if slots:
                visit = self._book(clinic, person, slots[len(slots) // 2])
                if visit and days < 0:
                    self._complete(visit)
                return visit
        return None

    def _day(self, clinic: Clinic, day: date, visits: list[Visit]) -> Iterator[Visit]:
        taken = {visit.slot for visit in visits if visit.clinic is clinic}
        slots = [slot for slot in slots_of_day(clinic.hours, day, self._zone) if slot not in taken]
        chosen = sorted(self._random.sample(slots, min(len(slots), self._load(day))))
        booked = [visit for slot in chosen if (visit := self._book(clinic, self._choose(clinic, day), slot))]
        if day < self._today:
            for visit in booked:
                self._settle(visit)
        elif day == self._today:
            self._play_today(booked)
        else:
            for visit in booked:
                self._maybe_cancel(visit, 0.05)
        yield from booked

    def _load(self, day: date) -> int:
        if day == self._today:
            return 12
        return self._random.randint(5, 8) if day < self._today else self._random.randint(2, 5)

    def _choose(self, clinic: Clinic, day: date) -> Person | None:
        for _ in range(40):
            person = self._random.choice(self._people)
            near = any(abs((day - other).days) < DAYS_BETWEEN_VISITS for other in self._days_of.get(person.id, []))
            if not near and fitting_cases(clinic.department, person.age, person.sex):
                return person
        return None

    def _book(self, clinic: Clinic, person: Person | None, slot: Slot) -> Visit | None:
        if person is None:
            return None
        cases = fitting_cases(clinic.department, person.age, person.sex)
        case = self._case_of.setdefault((person.id, clinic.department), self._random.choice(cases))
        self._days_of.setdefault(person.id, []).append(slot.start.astimezone(self._zone).date())
        ahead = timedelta(days=self._random.randint(1, 9), minutes=self._random.randint(0, 240))
        lately = timedelta(minutes=self._random.randint(60, 4320))
        return Visit(clinic, person, case, slot, booked_at=min(slot.start - ahead, self._now - lately))

    def _settle(self, visit: Visit) -> None:
        fate = self._random.random()
        if fate < 0.86:
            self._complete(visit)
        elif fate < 0.94:
            visit.status = AppointmentStatus.NO_SHOW
        else:
            self._cancel(visit)

    def _play_today(self, visits: list[Visit]) -> None:
        busy = False
        for visit in visits:
            if visit.slot.end <= self._now:
                self._settle(visit)
            elif visit.slot.start <= self._now and not busy:
                self._begin(visit)
                busy = True
            elif visit.slot.start <= self._now + WAITING and self._random.random() < 0.75:
                self._arrive(visit, self._now - self._minutes(3, 40))
            else:
                self._maybe_cancel(visit, 0.06)

    def _complete(self, visit: Visit) -> None:
        length = int((visit.slot.end - visit.slot.start).total_seconds()) // 60
        late = self._random.randint(0, 5)
        self._arrive(visit, visit.slot.start - self._minutes(5, 45))
        visit.started_at = visit.slot.start + timedelta(minutes=late)
        visit.finished_at = visit.started_at + self._minutes(8, length - late - 1)
        visit.status = AppointmentStatus.COMPLETED

    def _begin(self, visit: Visit) -> None:
        self._arrive(visit, visit.slot.start - self._minutes(5, 35))
        visit.started_at = visit.slot.start + (self._now - visit.slot.start) / 3
        visit.status = AppointmentStatus.IN_PROGRESS

    def _arrive(self, visit: Visit, moment: datetime) -> None:
        visit.arrived_at = max(moment, visit.booked_at + timedelta(minutes=10))
        visit.status = AppointmentStatus.ARRIVED

    def _maybe_cancel(self, visit: Visit, chance: float) -> None:
        if self._random.random() < chance:
            self._cancel(visit)

    def _cancel(self, visit: Visit) -> None:
        latest = min(visit.slot.start, self._now)
        visit.cancelled_at = visit.booked_at + (latest - visit.booked_at) * self._random.uniform(0.2, 0.9)
        visit.cancel_reason = self._random.choice(_CANCELLED_BECAUSE)
        visit.status = AppointmentStatus.CANCELLED

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(minutes=self._random.randint(least, most))
