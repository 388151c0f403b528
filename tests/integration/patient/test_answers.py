"""A link in a message answers one visit or offer: reading does nothing, and nobody need sign in."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus, ConfirmedVia
from app.domain.appointments.moving import reschedule_appointment
from app.domain.messages.answer_links import offer_link, visit_link
from app.domain.waiting.answering import look_up_offer
from app.domain.waiting.asking import ask_for_earlier
from app.domain.waiting.models import OfferState, SlotOffer
from app.domain.waiting.offering import offer_freed_times
from tests.factories import make_appointment, make_patient, make_schedule, make_staff
from tests.integration.waiting.test_offering import book, cancel, doctor_at_work, morning, wish
from tests.support.platform import ACTOR


def path_of(link: str) -> str:
    return urlsplit(link).path


def visit_of(appointment_id: object) -> Appointment:
    return db.session.get_one(Appointment, appointment_id, populate_existing=True)


def test_a_link_confirms_once_then_cancels_and_shows_nothing_about_the_patient(bound, alpha: str, client) -> None:
    with bound(alpha):
        doctor = make_staff("doctor", full_name="Bác Sĩ Kín")
        make_schedule(doctor.id)
        patient = make_patient(full_name="Người Bệnh Kín")
        visit = make_appointment(doctor_id=doctor.id, patient_id=patient.id, starts_at=morning(2))
        link, appointment_id = path_of(visit_link(visit.id, visit.starts_at)), visit.id
    page = client.get(link)
    assert page.status_code == 200
    for secret in ("Người Bệnh Kín", "Bác Sĩ Kín", "Đau đầu", "Khoa"):
        assert secret not in page.text
    assert "09:00" in page.text
    with bound(alpha):
        assert visit_of(appointment_id).confirmed_at is None
    for _ in range(2):
        assert client.submit(link, {"act": "confirm"}).status_code == 303
    with bound(alpha):
        visit = visit_of(appointment_id)
        assert visit.confirmed_via is ConfirmedVia.LINK
        assert visit.version == 1  # no page of the desk is stale for it
    assert client.submit(link, {"act": "cancel"}).status_code == 303
    with bound(alpha):
        assert visit_of(appointment_id).status is AppointmentStatus.CANCELLED
    page = client.get(link)
    assert page.status_code == 200
    assert 'name="act"' not in page.text  # there is nothing left to answer


def test_a_link_is_good_for_its_hospital_its_visit_and_its_time_alone(bound, alpha: str, beta: str, client) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        visit = book(doctor, morning(2))
        link, later, visit_id = path_of(visit_link(visit.id, visit.starts_at)), morning(5), visit.id
    assert client.get(link.replace(alpha, beta)).status_code == 404
    token = link.rpartition("/")[2]
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), token + "=", token[4:], "x" * 400, "AAAA"):
        assert client.get(link.replace(token, forged)).status_code == 404
    with bound(alpha):
        moved = reschedule_appointment(ACTOR, visit_id, doctor_id=doctor, starts_at=later, version=1)
        newer = path_of(visit_link(moved.id, moved.starts_at))
    assert client.get(link).status_code == 200
    assert client.submit(link, {"act": "confirm"}, page=newer).status_code == 409  # a page that was left open
    with bound(alpha):
        assert visit_of(visit_id).confirmed_at is None
    with clock.frozen_at(later + timedelta(minutes=1)):
        assert client.get(newer).status_code == 410


def test_an_offer_is_taken_by_its_link_once(bound, alpha: str, client) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon, later = book(doctor, morning(2)), book(doctor, morning(9))
        ask_for_earlier(ACTOR, later.id, wish())
        cancel(soon)
        offer_freed_times()
        offer = db.session.scalars(sa.select(SlotOffer)).one()
        link, appointment_id, offer_id = path_of(offer_link(offer.id, offer.expires_at)), later.id, offer.id
    assert client.get(link).status_code == 200
    assert client.submit(link, {"act": "accept"}).status_code == 303
    with bound(alpha):
        assert visit_of(appointment_id).starts_at == morning(2)
        assert db.session.get_one(SlotOffer, offer_id).state is OfferState.ACCEPTED
        assert look_up_offer(ACTOR, offer_id).state.value == "accepted"
    assert client.get(link).status_code == 200
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        assert client.get(link).status_code == 410


@pytest.mark.parametrize("act", ["", "accept", "decline"])
def test_a_visits_link_does_nothing_else(bound, alpha: str, client, act: str) -> None:
    with bound(alpha):
        visit = book(doctor_at_work(), morning(2))
        link = path_of(visit_link(visit.id, visit.starts_at))
    assert client.submit(link, {"act": act}).status_code == 409
