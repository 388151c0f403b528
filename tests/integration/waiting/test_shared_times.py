"""Hours with several places at one time: visits and open offers together never have more places than there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.errors import SlotTaken
from app.domain.appointments.models import Appointment, BookedVia, DoctorSchedule
from app.domain.appointments.operations import book_appointment
from app.domain.appointments.queries import list_free_slots
from app.domain.waiting.answering import accept_offer
from app.domain.waiting.asking import ask_for_earlier
from app.domain.waiting.models import OfferState, SlotOffer
from app.domain.waiting.offering import offer_freed_times
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient, make_schedule, make_staff
from tests.factories.people import department_id
from tests.integration.appointments.test_capacity import receptionist
from tests.integration.waiting.test_offering import ZONE_HOURS, cancel, morning, offers, wish
from tests.support.platform import ACTOR

TIME = morning(2)


def doctor_with(**hours: Any) -> UUID:
    doctor = make_staff("doctor").id
    make_schedule(doctor, **hours)
    return doctor


def book(
    doctor: UUID, *, patient: UUID | None = None, at: Any = TIME, actor: Actor = ACTOR, **facts: Any
) -> Appointment:
    return book_appointment(
        actor, patient_id=patient or make_patient(email="an@example.vn").id, doctor_id=doctor,
        department_id=department_id(), starts_at=at, reason="Đau đầu", via=BookedVia.DESK, **facts,
    )  # fmt: skip


def wait_at(doctor: UUID, days: int) -> Appointment:
    """Have somebody with a later visit wait for an earlier one."""
    visit = book(doctor, at=morning(days))
    ask_for_earlier(ACTOR, visit.id, wish())
    return visit


def is_free(doctor: UUID) -> bool:
    day = (TIME + ZONE_HOURS).date()
    slots = list_free_slots(department_id=department_id(), doctor_id=doctor, from_day=day, days=1)
    return any(slot.start == TIME for slot in slots)


def taken() -> tuple[int, int]:
    """Return how many visits and how many open offers there are at the time."""
    visits = sa.select(sa.func.count()).where(Appointment.starts_at == TIME, Appointment.status == "booked")
    held = sa.select(sa.func.count()).where(SlotOffer.starts_at == TIME, SlotOffer.state == OfferState.OPEN)
    return db.session.scalar(visits) or 0, db.session.scalar(held) or 0


def test_a_place_freed_beside_others_is_offered_held_and_given_and_the_rest_can_be_booked(
    bound: Any, alpha: str
) -> None:
    with bound(alpha):
        doctor = doctor_with(capacity=3)
        visits = [book(doctor) for _ in range(3)]
        waiting = wait_at(doctor, 9)
        assert not is_free(doctor)
        cancel(visits[0])
        offer_freed_times()
        (offer,) = offers()
        assert taken() == (2, 1)
        assert not is_free(doctor)
        with pytest.raises(SlotTaken):
            book(doctor)
        cancel(visits[1])
        assert is_free(doctor), "the offer holds one place, not all"
        book(doctor)
        assert accept_offer(ACTOR, offer.id).id == waiting.id
        assert taken() == (3, 0)


def test_of_two_places_that_were_freed_at_one_time_the_second_is_offered_after_the_first(
    bound: Any, alpha: str
) -> None:
    with bound(alpha):
        doctor = doctor_with(capacity=2)
        visits = [book(doctor) for _ in range(2)]
        moved = {wait_at(doctor, days).id for days in (8, 9)}
        for visit in visits:
            cancel(visit)
        accepted = set()
        for _ in range(2):
            offer_freed_times()
            (offer,) = offers(state=OfferState.OPEN)
            accepted.add(accept_offer(ACTOR, offer.id).id)
        assert accepted == moved
        assert taken() == (2, 0)


def test_who_was_squeezed_in_beside_an_offer_takes_nobody_their_place(bound: Any, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_with(overbook_max=1)
        soon, waiting = book(doctor), wait_at(doctor, 9)
        cancel(soon)
        offer_freed_times()
        (offer,) = offers()
        desk = receptionist()
        assert book(doctor, actor=desk, beyond=True).place == 2
        with pytest.raises(SlotTaken):
            book(doctor, actor=desk, beyond=True)
        assert accept_offer(ACTOR, offer.id).id == waiting.id
        assert taken() == (2, 0)


def test_a_visit_that_is_longer_than_what_was_freed_is_not_offered_it(bound: Any, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_with()
        soon, long = book(doctor), wait_at(doctor, 9)
        long.ends_at = long.starts_at + timedelta(hours=1)
        db.session.flush()
        cancel(soon)
        offer_freed_times()
        assert offers() == []


def test_the_database_counts_visits_and_offers_against_the_places(bound: Any, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_with(capacity=2)
        visits = [book(doctor) for _ in range(2)]
        other = wait_at(doctor, 9)
        cancel(visits[0])
        offer_freed_times()
        hours = db.session.scalars(
            sa.select(DoctorSchedule.id).filter_by(doctor_id=doctor, weekday=(TIME + ZONE_HOURS).weekday())
        ).one()
        facts = {"doctor_id": doctor, "starts_at": TIME, "place": 1, "schedule_id": hours}
        with pytest.raises(IntegrityError, match="held for somebody"), db.session.begin_nested():
            make_appointment(**facts)
        (offer,) = offers()
        offer.state = OfferState.EXPIRED
        db.session.flush()
        make_appointment(**facts)
        again = {"state": OfferState.OPEN, "starts_at": TIME, "ends_at": TIME + timedelta(minutes=30)}
        with pytest.raises(IntegrityError, match="a visit stands"), db.session.begin_nested():
            db.session.execute(sa.update(SlotOffer).filter_by(id=offer.id).values(**again))
        assert other.starts_at == morning(9)


def test_two_bookings_and_an_offer_at_once_never_have_more_than_three_places(
    app: Flask, alpha: str, bound: Any
) -> None:
    with bound(alpha):
        doctor = doctor_with(capacity=3)
        visits = [book(doctor) for _ in range(3)]
        wait_at(doctor, 9)
        patients = [make_patient().id for _ in range(2)]
        for visit in visits[:2]:
            cancel(visit)
    together = Barrier(3)

    def act(patient: UUID | None) -> None:
        together.wait(60)
        try:
            with app.app_context(), bind_hospital(alpha), unit_of_work():
                offer_freed_times() if patient is None else book(doctor, patient=patient)
        except SlotTaken:
            pass

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(act, [None, *patients]))
    with bound(alpha):
        assert taken() in ((2, 1), (3, 0))
