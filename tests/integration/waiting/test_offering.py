"""A freed time is offered to one who waits after the other, held for whom it is offered to, and given to one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg.errors import ExclusionViolation
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.db import db
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.errors import SlotTaken
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia
from app.domain.appointments.moving import reschedule_appointment
from app.domain.appointments.operations import book_appointment, cancel_appointment
from app.domain.messages.answer_links import offer_link
from app.domain.messages.answer_tokens import LinkExpired, read_link
from app.domain.messages.models import MessageState, OutboundMessage
from app.domain.waiting.answering import Offered, accept_offer, decline_offer, look_up_offer
from app.domain.waiting.asking import Asked, ask_for_earlier, ask_for_visit, leave_list
from app.domain.waiting.errors import OfferAnswered, OfferGone, OfferOver
from app.domain.waiting.models import FreedOutcome, FreedSlot, OfferState, SlotOffer, WaitingEntry, WaitingState
from app.domain.waiting.offering import end_late_offers, end_vain_waits, have_offers_to_make, offer_freed_times
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient, make_schedule, make_staff
from tests.factories.people import department_id
from tests.support.platform import ACTOR

ZONE_HOURS = timedelta(hours=7)


def morning(days: int, hour: int = 9) -> datetime:
    """Return a time of the hospitals' morning (UTC+7) in so many days."""
    today = (clock.now() + ZONE_HOURS).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days, hours=hour) - ZONE_HOURS


def wish(**facts: Any) -> Asked:
    today = (clock.now() + ZONE_HOURS).date()
    return Asked(
        **{
            "weekdays": (),
            "from_time": datetime.min.time(),
            "until_time": datetime.max.time().replace(microsecond=0),
            "first_day": today,
            "last_day": today + timedelta(days=30),
            **facts,
        }
    )


def book(doctor: UUID, starts: datetime) -> Appointment:
    return make_appointment(doctor_id=doctor, starts_at=starts, patient_id=make_patient(email="an@example.vn").id)


def doctor_at_work() -> UUID:
    doctor = make_staff("doctor").id
    make_schedule(doctor)
    return doctor


def cancel(visit: Appointment) -> None:
    cancel_appointment(ACTOR, visit.id, None, visit.version)


def offers(**wanted: Any) -> list[SlotOffer]:
    query = sa.select(SlotOffer).filter_by(**wanted).order_by(SlotOffer.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def test_a_cancelled_time_is_offered_in_order_held_and_moved_to_on_acceptance(bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, first, second = book(doctor, morning(2)), book(doctor, morning(9)), book(doctor, morning(8))
        ask_for_earlier(ACTOR, first.id, wish(doctor_id=doctor))
        with clock.frozen_at(clock.now() + timedelta(minutes=3)):
            ask_for_earlier(ACTOR, second.id, wish())
        cancel(soon)
        ids = soon.id, first.id, second.id
    with bound(alpha):
        assert have_offers_to_make()
        offer_freed_times()
        assert not have_offers_to_make()
    with bound(alpha):
        (offer,) = offers()
        assert (offer.state, offer.starts_at) == (OfferState.OPEN, morning(2))
        assert offer.expires_at - clock.now() < timedelta(minutes=65)
        message = db.session.scalars(sa.select(OutboundMessage).filter_by(template="slot_offer")).one()
        assert "/patient/answer/" in message.body
        assert message.patient_id == db.session.get_one(Appointment, ids[1]).patient_id
        with pytest.raises(SlotTaken):
            book_appointment(
                ACTOR,
                patient_id=make_patient().id,
                doctor_id=doctor,
                department_id=department_id(),
                starts_at=morning(2),
                reason="Đau đầu",
                via=BookedVia.DESK,
            )
        decline_offer(ACTOR, offer.id)
        offer_freed_times()
    with bound(alpha):
        first_offer, second_offer = offers()
        assert (first_offer.state, second_offer.state) == (OfferState.DECLINED, OfferState.OPEN)
        visit = accept_offer(ACTOR, second_offer.id)
        assert (visit.id, visit.starts_at, visit.status) == (ids[2], morning(2), AppointmentStatus.BOOKED)
        with pytest.raises(OfferAnswered):
            accept_offer(ACTOR, second_offer.id)
        entry = db.session.get_one(WaitingEntry, second_offer.entry_id)
        assert entry.state is WaitingState.PLACED
        freed = {row.starts_at: row.outcome for row in db.session.scalars(sa.select(FreedSlot))}
        assert freed == {morning(2): FreedOutcome.ACCEPTED, morning(8): None}
        offer_freed_times()  # the time that the move freed goes to the one who declined: it is earlier than theirs
        assert [one.patient_id for one in offers(state=OfferState.OPEN)] == [first_offer.patient_id]


def test_the_database_itself_refuses_a_visit_where_a_time_is_held_and_an_offer_where_a_visit_stands(
    bound, alpha: str
) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, later, other = book(doctor, morning(2)), book(doctor, morning(9)), book(doctor, morning(3))
        ask_for_earlier(ACTOR, later.id, wish())
        cancel(soon)
        offer_freed_times()
        (offer,) = offers()
        with pytest.raises(IntegrityError) as refused, db.session.begin_nested():
            make_appointment(doctor_id=doctor, starts_at=morning(2) + timedelta(minutes=15))
        assert isinstance(refused.value.orig, ExclusionViolation)
        with pytest.raises(IntegrityError), db.session.begin_nested():
            db.session.execute(sa.update(Appointment).filter_by(id=other.id).values(starts_at=morning(2)))
        offer.state = OfferState.EXPIRED
        db.session.flush()
        offer.state = OfferState.OPEN
        offer.starts_at, offer.ends_at = other.starts_at, other.ends_at
        with pytest.raises(IntegrityError):
            db.session.flush()
        db.session.rollback()


def test_an_offer_ends_at_its_deadline_and_the_next_is_asked(bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, first, second = book(doctor, morning(2)), book(doctor, morning(9)), book(doctor, morning(8))
        for number, visit in enumerate((first, second)):
            with clock.frozen_at(clock.now() + timedelta(minutes=3 * number)):
                ask_for_earlier(ACTOR, visit.id, wish())
        cancel(soon)
        offer_freed_times()
    with bound(alpha), clock.frozen_at(clock.now() + timedelta(hours=1, minutes=10)):
        (late,) = offers()
        with pytest.raises(OfferOver):
            accept_offer(ACTOR, late.id)
        assert have_offers_to_make()
        assert end_late_offers() == 1
        offer_freed_times()
        assert [one.state for one in offers()] == [OfferState.EXPIRED, OfferState.OPEN]
    with bound(alpha), clock.frozen_at(clock.now() + timedelta(hours=3)):
        end_late_offers()
        offer_freed_times()
        assert db.session.scalars(sa.select(FreedSlot.outcome)).all() == [FreedOutcome.NOBODY]
        assert len(offers()) == 2  # nobody is offered the same time twice


def test_who_waits_without_a_visit_gets_a_new_one_and_wishes_are_kept_to(bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, patient = book(doctor, morning(2, hour=9)), make_patient(email="b@example.vn").id
        facts: dict[str, Any] = {"department_id": department_id(), "reason": "Ho"}
        ask_for_visit(
            ACTOR, make_patient(email="a@example.vn").id, wish(from_time=datetime.min.time().replace(hour=12), **facts)
        )
        other_day = (morning(3) + ZONE_HOURS).weekday()
        ask_for_visit(ACTOR, make_patient(email="a@example.vn").id, wish(weekdays=(other_day,), **facts))
        ask_for_visit(ACTOR, make_patient(email=None, phone=None).id, wish(doctor_id=make_and_hire(), **facts))
        ask_for_visit(ACTOR, patient, wish(**facts))
        cancel(soon)
        offer_freed_times()
        (offer,) = offers()
        assert offer.patient_id == patient
        visit = accept_offer(ACTOR, offer.id)
        assert (visit.patient_id, visit.starts_at, visit.reason) == (patient, morning(2), "Ho")


def make_and_hire() -> UUID:
    return doctor_at_work()


def test_leaving_the_list_or_cancelling_the_visit_gives_the_held_time_back(bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        for leave in (True, False):
            day = 2 if leave else 3
            soon, later = book(doctor, morning(day)), book(doctor, morning(9 + day))
            entry = ask_for_earlier(ACTOR, later.id, wish())
            cancel(soon)
            offer_freed_times()
            (offer,) = offers(entry_id=entry.id)
            if leave:
                assert leave_list(ACTOR, entry.id)
                assert not leave_list(ACTOR, entry.id)
            else:
                cancel(later)
            db.session.refresh(offer)
            assert offer.state is OfferState.WITHDRAWN
            with pytest.raises(OfferGone):
                accept_offer(ACTOR, offer.id)
        assert end_vain_waits() == 1
        db.session.expire_all()
        assert {one.state for one in db.session.scalars(sa.select(WaitingEntry))} == {
            WaitingState.LEFT,
            WaitingState.OVER,
        }


def test_twenty_who_accept_one_offered_time_at_once_get_one_visit(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, later = book(doctor, morning(2)), book(doctor, morning(9))
        rivals = [make_patient().id for _ in range(9)]
        ask_for_earlier(ACTOR, later.id, wish())
        cancel(soon)
        offer_freed_times()
        (offer,) = offers()
        offer_id, department = offer.id, department_id()

    def act(number: int) -> str:
        with app.app_context(), bind_hospital(alpha):
            try:
                with unit_of_work():
                    if number % 2 == 0 or number >= 18:
                        accept_offer(ACTOR, offer_id)
                        return "accepted"
                    book_appointment(
                        ACTOR,
                        patient_id=rivals[number // 2],
                        doctor_id=doctor,
                        department_id=department,
                        starts_at=morning(2),
                        reason="Đau",
                        via=BookedVia.PATIENT_PORTAL,
                    )
                    return "booked"
            except VienError as error:
                return type(error).__name__

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(act, range(20)))
    assert sorted(set(outcomes)) == ["OfferAnswered", "SlotTaken", "accepted"], outcomes
    assert outcomes.count("accepted") == 1
    with bound(alpha):
        standing = sa.select(Appointment.patient_id).where(
            Appointment.starts_at == morning(2), Appointment.status == AppointmentStatus.BOOKED
        )
        assert len(db.session.scalars(standing).all()) == 1
        moved = sa.select(OutboundMessage).where(
            OutboundMessage.template == "moved", OutboundMessage.state == MessageState.QUEUED
        )
        assert len(db.session.scalars(moved).all()) == 1


def test_a_moved_visit_gives_its_time_to_those_who_wait(bound, alpha: str) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, later = book(doctor, morning(2)), book(doctor, morning(9))
        ask_for_earlier(ACTOR, later.id, wish())
        moved = reschedule_appointment(ACTOR, soon.id, doctor_id=doctor, starts_at=morning(4), version=soon.version)
        assert (moved.starts_at, moved.code) == (morning(4), soon.code)
        offer_freed_times()
        assert [(one.patient_id, one.starts_at) for one in offers()] == [(later.patient_id, morning(2))]


def offer_one() -> UUID:
    """Free a time for somebody who waits, and return its offer."""
    doctor = doctor_at_work()
    soon, later = book(doctor, morning(2)), book(doctor, morning(9))
    ask_for_earlier(ACTOR, later.id, wish())
    cancel(soon)
    offer_freed_times()
    return offers()[0].id


@pytest.mark.parametrize("apart", [timedelta(hours=5), timedelta(hours=-5)])
def test_a_process_whose_clock_is_wrong_neither_ends_an_offer_nor_lengthens_it(
    bound, alpha: str, monkeypatch: pytest.MonkeyPatch, apart: timedelta
) -> None:
    right = clock.now
    with monkeypatch.context() as wrong:
        wrong.setattr(clock, "now", lambda: right() + apart)
        with bound(alpha):
            offer_id = offer_one()
            (offer,) = offers()
            assert right() + timedelta(minutes=55) < offer.expires_at < right() + timedelta(minutes=65)
            link = read_link(offer_link(offer.id, offer.expires_at).rpartition("/")[2])
            assert link.id == offer_id
            assert not have_offers_to_make()
            assert end_late_offers() == 0
            assert look_up_offer(ACTOR, offer_id).state is Offered.OPEN
        with bound(alpha):
            db.session.execute(sa.update(SlotOffer).values(expires_at=right() - timedelta(minutes=10)))
        with bound(alpha):
            assert have_offers_to_make()
            assert look_up_offer(ACTOR, offer_id).state is Offered.OVER
            with pytest.raises(OfferOver):
                accept_offer(ACTOR, offer_id)
        with bound(alpha):
            with pytest.raises(LinkExpired):
                read_link(offer_link(offer_id, right() - timedelta(minutes=2)).rpartition("/")[2])
            assert end_late_offers() == 1
