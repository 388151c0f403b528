"""Booking and cancelling against a real database: who gets a slot, and what everybody else is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.errors import NoSuchSlot, NotCancellable, OwnOverlap, PastSlot, SlotTaken
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia, ScheduleException
from app.domain.appointments.operations import book_appointment, cancel_appointment
from app.domain.appointments.queries import list_departments, list_doctors, list_free_slots
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.domain.messages.models import AppointmentReminder, OutboundMessage, ReminderState
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.factories.people import department_id
from tests.support.queries import count_queries

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
Bound = Callable[[str], Any]


@dataclass(frozen=True)
class Scene:
    """A doctor with hours on every day, two patients, and a slot three days from now."""

    doctor: UUID
    department: UUID
    patient: UUID
    other: UUID
    starts_at: datetime

    def book(self, **changes: Any) -> Appointment:
        """Book the scene's slot for its patient, with some facts changed."""
        facts: dict[str, Any] = {
            "patient_id": self.patient,
            "doctor_id": self.doctor,
            "department_id": self.department,
            "starts_at": self.starts_at,
            "reason": "Đau đầu",
            "via": BookedVia.PATIENT_PORTAL,
        }
        facts.update(changes)
        return book_appointment(actor(facts["patient_id"]), **facts)


def actor(patient_id: UUID) -> Actor:
    """Return the actor of a patient."""
    return Actor(ActorKind.PATIENT, patient_id, "Người Bệnh")


def slot_in(days: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return a time of day, some days from today, on the hospital's clocks."""
    return datetime.combine(clock.today(ZONE) + timedelta(days=days), time(hour, minute), tzinfo=ZONE)


def list_events() -> list[str]:
    """Return the kinds of events about visits, in order."""
    query = sa.select(OutboxEvent.kind).where(OutboxEvent.subject_type == "appointment")
    return list(db.session.scalars(query.order_by(OutboxEvent.sequence)))


@pytest.fixture
def scene(alpha: str, bound: Bound) -> Scene:
    """The people of most tests here."""
    with bound(alpha):
        doctor = factories.make_staff("doctor")
        factories.make_schedule(doctor.id)
        return Scene(doctor.id, department_id(), factories.make_patient().id, factories.make_patient().id, slot_in(3))


def test_a_hundred_people_who_book_one_slot_at_once_get_one_visit_and_ninety_nine_other_times(
    app: Flask, alpha: str, bound: Bound, scene: Scene
) -> None:
    with bound(alpha):
        patients = [factories.make_patient().id for _ in range(100)]
    together = Barrier(20)

    def book(patient_id: UUID) -> str:
        together.wait()
        try:
            with app.app_context(), bind_hospital(alpha), unit_of_work():
                scene.book(patient_id=patient_id)
        except SlotTaken as error:
            others = {slot.start for slot in error.alternatives}
            return "taken" if others and scene.starts_at not in others else "taken, nothing offered"
        return "booked"

    with ThreadPoolExecutor(20) as threads:
        outcomes = Counter(threads.map(book, patients))
    assert outcomes == {"booked": 1, "taken": 99}
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Appointment)) == 1
        assert list_events() == ["appointment.book"]


def test_one_patient_who_books_two_doctors_for_one_time_at_once_gets_one_of_them(
    app: Flask, alpha: str, bound: Bound, scene: Scene
) -> None:
    with bound(alpha):
        doctors = [factories.make_staff("doctor").id for _ in range(6)]
        for doctor in doctors:
            factories.make_schedule(doctor)
    together = Barrier(6)

    def book(doctor_id: UUID) -> str:
        together.wait()
        try:
            with app.app_context(), bind_hospital(alpha), unit_of_work():
                scene.book(doctor_id=doctor_id)
        except OwnOverlap:
            return "overlap"
        return "booked"

    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(book, doctors)) == {"booked": 1, "overlap": 5}


def test_a_double_click_makes_one_visit(app: Flask, alpha: str, bound: Bound, scene: Scene) -> None:
    together = Barrier(5)

    def book(_click: int) -> UUID:
        together.wait()
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            return scene.book().id

    with ThreadPoolExecutor(5) as threads:
        assert len(set(threads.map(book, range(5)))) == 1
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Appointment)) == 1
        assert db.session.scalar(sa.select(sa.func.count()).select_from(OutboundMessage)) == 1


def test_a_booking_is_written_down_announced_confirmed_and_remembered(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        booked = scene.book()
        assert booked.code.startswith("LH-")
        assert booked.ends_at - booked.starts_at == timedelta(minutes=30)
        booked_id = booked.id
    with bound(alpha):
        audit = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "appointment.book")).one()
        event = db.session.scalars(sa.select(OutboxEvent).where(OutboxEvent.kind == audit.action)).one()
        assert (audit.patient_id, audit.subject_id, event.subject_id) == (scene.patient, booked_id, booked_id)
        assert event.payload == {
            "patient_id": str(scene.patient),
            "doctor_id": str(scene.doctor),
            "department_id": str(scene.department),
        }
        assert "Đau đầu" not in str((audit.changes, event.payload))
        assert db.session.scalars(sa.select(AppointmentReminder)).all()
        assert db.session.scalars(sa.select(OutboundMessage)).one().appointment_id == booked_id


def test_a_slot_in_the_past_is_refused(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha), pytest.raises(PastSlot):
        scene.book(starts_at=slot_in(-1))


@pytest.mark.parametrize(
    "starts_at",
    [slot_in(3, 9, 7), slot_in(3, 5), slot_in(3, 17), slot_in(200)],
    ids=["between two slots", "before hours", "after hours", "too far ahead"],
)
def test_a_time_that_is_no_slot_is_refused(alpha: str, bound: Bound, scene: Scene, starts_at: datetime) -> None:
    with bound(alpha), pytest.raises(NoSuchSlot):
        scene.book(starts_at=starts_at)


def test_a_doctor_is_not_booked_through_a_department_of_others(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha), pytest.raises(NoSuchSlot):
        scene.book(department_id=department_id("TIM"))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_that_says_nothing_or_too_much_is_refused(alpha: str, bound: Bound, scene: Scene, reason: str) -> None:
    with bound(alpha), pytest.raises(InvalidValue) as refused:
        scene.book(reason=reason)
    assert refused.value.field == "reason"


def test_a_time_at_which_the_doctor_is_away_is_taken(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        away = {"doctor_id": scene.doctor, "starts_at": slot_in(3, 8), "ends_at": slot_in(3, 12)}
        db.session.add(ScheduleException(**away))
    with bound(alpha), pytest.raises(SlotTaken) as taken:
        scene.book()
    assert slot_in(3, 12) in {slot.start for slot in taken.value.alternatives}


def test_a_patient_cannot_be_at_two_visits_at_once(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        second = factories.make_staff("doctor").id
        factories.make_schedule(second)
        first = scene.book().id
    with bound(alpha), pytest.raises(OwnOverlap) as overlap:
        scene.book(doctor_id=second)
    assert (overlap.value.appointment_id, overlap.value.starts_at) == (first, scene.starts_at)


def test_a_cancelled_visit_frees_its_slot_and_stops_its_reminders(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        booked = scene.book()
        cancel_appointment(actor(scene.patient), booked.id, "Bận", booked.version, patient_id=scene.patient)
        cancelled = booked.id
    with bound(alpha):
        assert scene.book(patient_id=scene.other).id != cancelled
        states = sa.select(AppointmentReminder.state).where(AppointmentReminder.appointment_id == cancelled)
        assert set(db.session.scalars(states)) == {ReminderState.CANCELLED}
        assert list_events() == ["appointment.book", "appointment.cancel", "appointment.book"]


def test_cancelling_twice_is_the_same_as_once(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        booked = scene.book()
        version = booked.version
        for _click in range(2):
            cancel_appointment(actor(scene.patient), booked.id, None, version, patient_id=scene.patient)
        assert list_events() == ["appointment.book", "appointment.cancel"]


def test_nobody_cancels_the_visit_of_somebody_else(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        booked = scene.book()
        with pytest.raises(NotFound):
            cancel_appointment(actor(scene.other), booked.id, None, booked.version, patient_id=scene.other)
        with pytest.raises(ValueError, match="patient_id"):
            cancel_appointment(actor(scene.other), booked.id, None, booked.version)


def test_a_visit_that_was_changed_meanwhile_is_not_cancelled(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        booked = scene.book()
        with pytest.raises(StaleVersion):
            cancel_appointment(actor(scene.patient), booked.id, None, booked.version + 1, patient_id=scene.patient)


@pytest.mark.parametrize("status", [AppointmentStatus.ARRIVED, AppointmentStatus.COMPLETED])
def test_a_visit_that_has_begun_is_not_cancelled(
    alpha: str, bound: Bound, scene: Scene, status: AppointmentStatus
) -> None:
    with bound(alpha):
        visit = factories.make_appointment(doctor_id=scene.doctor, patient_id=scene.patient, status=status)
        with pytest.raises(NotCancellable):
            cancel_appointment(actor(scene.patient), visit.id, None, visit.version, patient_id=scene.patient)


def test_lists_of_what_can_be_booked_take_a_fixed_number_of_queries(alpha: str, bound: Bound, scene: Scene) -> None:
    with bound(alpha):
        for _ in range(4):
            factories.make_schedule(factories.make_staff("doctor").id)
        scene.book()
    with bound(alpha):
        with count_queries() as seen:
            departments = list_departments()
            doctors = list_doctors(scene.department)
        assert ([row.doctors for row in departments], len(doctors), len(seen)) == ([5], 5, 2)
        with count_queries() as seen:
            slots = list_free_slots(department_id=scene.department, from_day=clock.today(ZONE), days=14)
        assert len(seen) == 2
        assert {slot.doctor_id for slot in slots} == {doctor.id for doctor in doctors}
        assert scene.starts_at not in {slot.start for slot in slots if slot.doctor_id == scene.doctor}
