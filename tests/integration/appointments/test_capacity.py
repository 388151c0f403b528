"""Places beside each other, rooms, holidays, types, emergencies and series: what is booked and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Forbidden
from app.core.permissions import Bounds, Scope
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.absences import AwayAlready, add_absence, list_absences
from app.domain.appointments.errors import EnoughOfType, HospitalClosed, OwnOverlap, RoomTaken, SlotTaken
from app.domain.appointments.hours import RoomInUse, add_hours
from app.domain.appointments.models import Appointment, AppointmentStatus, AppointmentType, BookedVia, VisitKind
from app.domain.appointments.moving import reschedule_appointment
from app.domain.appointments.operations import book_appointment
from app.domain.appointments.queries import list_free_slots
from app.domain.appointments.rooms import change_room
from app.domain.appointments.series import SeriesDoesNotFit, book_series, cancel_rest
from app.domain.appointments.urgent import receive_emergency, receive_walk_in
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.organisation.models import Holiday, Room
from app.domain.organisation.opening import add_fixed_holidays, add_holidays
from app.domain.patients.errors import PatientHasDied
from app.domain.queueing.models import Priority, QueueTicket
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.factories.people import department_id

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
Bound = Callable[[str], Any]
TEN = datetime(2027, 3, 1, 10, tzinfo=ZONE)  # a Monday


@pytest.fixture(autouse=True)
def ten_o_clock() -> Any:
    """Hold the clock on a Monday at ten."""
    with clock.frozen_at(TEN):
        yield


@dataclass(frozen=True)
class Desk:
    """A receptionist, a doctor and their department."""

    actor: Actor
    doctor: UUID
    department: UUID

    def book(self, starts_at: datetime, patient_id: UUID | None = None, **facts: Any) -> Appointment:
        """Book a time with the doctor for a patient, by default a new one."""
        return book_appointment(
            self.actor,
            patient_id=patient_id or factories.make_patient().id,
            **{"doctor_id": self.doctor, "department_id": self.department, "reason": "Đau đầu"} | facts,
            starts_at=starts_at,
            via=BookedVia.DESK,
        )

    def free(self, day: date, **asked: Any) -> list[str]:
        """Return the doctor's free times on a day."""
        slots = list_free_slots(department_id=self.department, doctor_id=self.doctor, from_day=day, days=1, **asked)
        return [f"{slot.start.astimezone(ZONE):%H:%M}" for slot in slots]


def receptionist(*without: str) -> Actor:
    """Return somebody at the desk, as a signed-in browser would act."""
    staff = factories.make_staff("receptionist")
    may = ROLE_PRESETS["receptionist"].permissions - set(without)
    bounds = Bounds(staff.id, staff.department_id, scopes=dict.fromkeys(may, Scope.HOSPITAL))
    return Actor(ActorKind.STAFF, staff.id, staff.full_name, permissions=frozenset(may), bounds=bounds)


def desk(**hours: Any) -> Desk:
    """Return a desk whose doctor has the given hours on every day."""
    doctor = factories.make_staff("doctor")
    factories.make_schedule(doctor.id, **hours)
    return Desk(receptionist(), doctor.id, department_id())


def at(days: int = 1, hour: int = 9, minute: int = 0) -> datetime:
    return datetime.combine(TEN.date() + timedelta(days=days), time(hour, minute), tzinfo=ZONE)


def room(name: str) -> UUID:
    made = Room(code=name, name=name)
    db.session.add(made)
    db.session.flush()
    return made.id


def test_of_thirty_people_at_a_slot_with_two_places_two_get_it(app: Flask, alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk(capacity=2, overbook_max=1)
        patients = [factories.make_patient().id for _ in range(30)]
    together = Barrier(10)

    def book(patient_id: UUID) -> str:
        together.wait()
        with clock.frozen_at(TEN):
            try:
                with app.app_context(), bind_hospital(alpha), unit_of_work():
                    here.book(at(), patient_id)
            except SlotTaken as error:
                return "taken" if error.alternatives else "taken, nothing offered"
        return "booked"

    with ThreadPoolExecutor(10) as threads:
        assert Counter(threads.map(book, patients)) == {"booked": 2, "taken": 28}
    with bound(alpha):
        assert sorted(db.session.scalars(sa.select(Appointment.place))) == [1, 2]


def test_the_desk_squeezes_in_as_many_as_the_hours_allow_and_patients_nobody(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk(overbook_max=1)
        here.book(at())
        assert "09:00" not in here.free(at().date())
        assert "09:00" in here.free(at().date(), beyond=True)
        with pytest.raises(SlotTaken):
            here.book(at())
        assert here.book(at(), beyond=True).place == 2
        with pytest.raises(SlotTaken):
            here.book(at(), beyond=True)
        strict = Desk(receptionist("appointments.overbook"), here.doctor, here.department)
        with pytest.raises(Forbidden):
            strict.book(at(2), beyond=True)


def test_the_database_itself_refuses_a_place_that_the_hours_do_not_have(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        visit = here.book(at())
        facts = {"doctor_id": here.doctor, "starts_at": at(), "schedule_id": visit.schedule_id}
        for further in (
            {"place": 2},
            {"place": 1},
            {"place": 2, "schedule_id": None},
            {"place": 21, "kind": "emergency"},
        ):
            with pytest.raises(IntegrityError), db.session.begin_nested():
                factories.make_appointment(**{**facts, **further})


def test_two_doctors_never_have_one_room(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        p101, p102 = room("P101"), room("P102")
        first, second = desk(room_id=p101), desk(room_id=p102)
        hours = {"weekdays": [0], "slot_minutes": 15, "valid_from": TEN.date(), "department_code": "NOI"}
        third = db.session.get_one(StaffUser, factories.make_staff("doctor").id)
        with pytest.raises(RoomInUse):
            add_hours(first.actor, username=third.username, starts=time(16), ends=time(20), room_id=p101, **hours)
        add_hours(first.actor, username=third.username, starts=time(17), ends=time(20), room_id=p101, **hours)
        one, other = first.book(at()), second.book(at())
        assert one.room_id == p101
        with pytest.raises(RoomTaken):
            change_room(first.actor, other.id, p101, other.version)
        change_room(first.actor, other.id, None, other.version)
        assert other.room_id is None


def test_nothing_is_booked_on_a_holiday_and_what_stands_is_counted(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        here.book(at(3))
        day = at(3).date()
        assert add_holidays(here.actor, day, day + timedelta(days=1), "Tết  Nguyên đán", today=TEN.date()) == (2, 1)
        assert add_holidays(here.actor, day, day, "Tết", today=TEN.date()) == (0, 1)
        assert here.free(day) == []
        assert here.free(day - timedelta(days=1)), "the day before is open"
        with pytest.raises(HospitalClosed, match="Tết Nguyên đán"):
            here.book(at(4, 16, 30))
        add_fixed_holidays(here.actor, TEN.date())
        days = set(db.session.scalars(sa.select(Holiday.day)))
        assert {date(2027, 4, 30), date(2027, 5, 1), date(2027, 9, 2), date(2028, 1, 1)} <= days


def test_an_absence_closes_its_times_and_names_how_many_visits_stand_in_it(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        here.book(at(1, 9))
        assert add_absence(here.actor, here.doctor, at(1, 8), at(1, 10), "Họp") == 1
        with pytest.raises(AwayAlready):
            add_absence(here.actor, here.doctor, at(1, 9), at(1, 12), None)
        assert [row.visits for row in list_absences(here.doctor, clock.now())] == [1]
        assert here.free(at().date())[:3] == ["07:00", "07:30", "10:00"]


def test_a_long_type_takes_several_slots_and_a_day_has_so_many_of_it(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk(ends=time(10))
        long = AppointmentType(code="SOI", name="Nội soi", minutes=45, daily_capacity=1)
        db.session.add(long)
        db.session.flush()
        visit = here.book(at(1, 7, 30), type_id=long.id)
        assert visit.ends_at - visit.starts_at == timedelta(hours=1)
        assert here.free(at().date()) == ["07:00", "08:30", "09:00", "09:30"]
        assert here.free(at().date(), minutes=45) == ["08:30"]
        with pytest.raises(EnoughOfType):
            here.book(at(1, 9), type_id=long.id)
        moved = reschedule_appointment(
            here.actor, visit.id, doctor_id=here.doctor, starts_at=at(1, 8), version=visit.version
        )
        assert moved.ends_at == at(1, 9), "onto half of its own time, at the same length"


def test_an_emergency_is_never_turned_away_and_is_called_first(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        facts = {"doctor_id": here.doctor, "department_id": here.department, "reason": "Đau ngực"}
        sick = factories.make_patient().id
        visits = [receive_emergency(here.actor, patient_id=factories.make_patient().id, **facts) for _ in range(3)]
        assert [visit.place for visit in visits] == [1, 2, 3]
        first = receive_emergency(here.actor, patient_id=sick, **facts)
        assert receive_emergency(here.actor, patient_id=sick, **facts).id == first.id, "sent twice"
        assert (first.status, first.kind) == (AppointmentStatus.ARRIVED, VisitKind.EMERGENCY)
        priorities = set(db.session.scalars(sa.select(QueueTicket.priority)))
        assert priorities == {Priority.EMERGENCY}
        other = desk()
        with pytest.raises(OwnOverlap):
            receive_emergency(here.actor, patient_id=sick, **facts | {"doctor_id": other.doctor})


def test_who_walks_in_gets_a_time_of_today_and_a_number(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        facts = {"doctor_id": here.doctor, "department_id": here.department, "reason": "Ho"}
        visit = receive_walk_in(here.actor, patient_id=factories.make_patient().id, starts_at=at(0, 10, 30), **facts)
        assert (visit.status, visit.kind) == (AppointmentStatus.ARRIVED, VisitKind.WALK_IN)
        assert db.session.scalar(sa.select(sa.func.count()).select_from(QueueTicket)) == 1


def test_nothing_is_booked_for_who_has_died(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        dead = factories.make_patient(deceased_on=date(2027, 2, 1)).id
        with pytest.raises(PatientHasDied):
            here.book(at(), dead)
        with pytest.raises(PatientHasDied):
            receive_emergency(
                here.actor, patient_id=dead, doctor_id=here.doctor, department_id=here.department, reason="?"
            )


def test_a_series_is_booked_whole_or_as_far_as_it_fits(alpha: str, bound: Bound) -> None:
    with bound(alpha):
        here = desk()
        here.book(at(15))
        patient = factories.make_patient().id
        facts: dict[str, Any] = {
            "patient_id": patient,
            "doctor_id": here.doctor,
            "department_id": here.department,
            "first": at(),
            "count": 20,
            "every_weeks": 2,
            "reason": "Tập phục hồi",
        }
        mine = sa.select(sa.func.count()).where(Appointment.patient_id == patient)
        with pytest.raises(SeriesDoesNotFit) as refusal:
            book_series(here.actor, **facts)
        assert [each.starts_at for each in refusal.value.refused] == [at(15)]
        assert db.session.scalar(mine) == 0
        series = book_series(here.actor, **facts, only_fitting=True)
        assert (len(series.booked), len(series.refused)) == (19, 1)
        assert {visit.series_id for visit in series.booked} == {series.id}
        assert cancel_rest(here.actor, series.booked[4].id, "Đổi kế hoạch") == 15
        standing = mine.where(Appointment.status == AppointmentStatus.BOOKED)
        assert db.session.scalar(standing) == 4
