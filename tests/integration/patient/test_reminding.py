"""A patient moves and confirms a visit, waits for an earlier one, and says how they want to be written to."""

from __future__ import annotations

from datetime import UTC, timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentType
from app.domain.messages.models import AppointmentReminder, OutboundMessage
from app.domain.messages.reminders import plan_reminders
from app.domain.messages.reminding import MessagePreference
from app.domain.patients.models import Patient
from app.domain.waiting.models import FreedSlot, WaitingEntry
from app.domain.waiting.offering import offer_freed_times
from app.patient.free_times import format_slot
from tests.integration.waiting.test_offering import ZONE_HOURS, book, cancel, doctor_at_work, morning
from tests.support.platform import ACTOR


def test_a_patient_confirms_and_moves_their_own_visit_only(bound, alpha: str, sign_in_patient) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        own, others = book(doctor, morning(2)), book(doctor, morning(3))
        plan_reminders(ACTOR, own, db.session.get_one(Patient, own.patient_id))
        patient_id, ids = own.patient_id, (own.id, others.id)
    browser, base = sign_in_patient(alpha, patient_id), f"/h/{alpha}/patient/appointments"
    assert browser.submit(f"{base}/{ids[0]}/confirm", page=f"{base}/{ids[0]}").status_code == 303
    assert browser.submit(f"{base}/{ids[1]}/confirm", page=f"{base}/{ids[0]}").status_code == 404
    move = f"{base}/{ids[0]}/move"
    assert browser.get(move).status_code == 200
    assert browser.get(f"{move}?doctor=any").status_code == 200
    assert browser.get(f"{base}/{ids[1]}/move").status_code == 404
    slot = (morning(2) + timedelta(hours=1)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    assert browser.submit(move, {"slot": "", "version": "1"}).status_code == 422
    assert browser.submit(move, {"slot": slot, "version": "1"}).status_code == 303
    with bound(alpha):
        visit = db.session.get_one(Appointment, ids[0])
        assert visit.starts_at == morning(2) + timedelta(hours=1)
        assert {row.starts_at for row in db.session.scalars(sa.select(AppointmentReminder))} == {visit.starts_at}
        (news,) = db.session.scalars(sa.select(OutboundMessage).filter_by(template="moved"))
        assert "10:00" in news.subject
        assert len(db.session.scalars(sa.select(FreedSlot)).all()) == 1


def test_a_long_visit_of_a_type_no_longer_in_use_moves_to_times_that_hold_all_of_it(
    bound, alpha: str, sign_in_patient
) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        long = AppointmentType(code="SOI", name="Nội soi", minutes=60, closed_at=clock.now())
        db.session.add(long)
        db.session.flush()
        visit = book(doctor, morning(2, 7))
        visit.type_id, visit.ends_at = long.id, morning(2, 8)
        book(doctor, morning(2, 10))
        db.session.flush()
        db.session.refresh(visit)
        patient_id, visit_id, version = visit.patient_id, visit.id, visit.version
    browser, move = sign_in_patient(alpha, patient_id), f"/h/{alpha}/patient/appointments/{visit_id}/move"
    day = f"{(morning(2) + ZONE_HOURS).date()}"
    page = browser.get(f"{move}?day={day}").get_data(as_text=True)
    half, whole = (format_slot(morning(2) + timedelta(minutes=minutes)) for minutes in (30, 0))
    assert whole in page
    assert half not in page, "half an hour before another visit"
    assert browser.submit(move, {"slot": half, "version": "1"}).status_code == 422
    assert browser.submit(move, {"slot": whole, "version": str(version)}).status_code == 303
    with bound(alpha):
        moved = db.session.get_one(Appointment, visit_id)
        assert (moved.starts_at, moved.ends_at) == (morning(2), morning(2, 10))


def test_a_patient_waits_sees_the_offer_and_leaves(bound, alpha: str, sign_in_patient) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon_id, own = book(doctor, morning(2)).id, book(doctor, morning(9))
        patient_id, appointment_id = own.patient_id, own.id
    browser, base = sign_in_patient(alpha, patient_id), f"/h/{alpha}/patient"
    day = (clock.now() + timedelta(hours=7)).strftime("%d/%m/%Y")
    wanted = {"doctor": "same", "times": "morning", "first_day": day, "last_day": "31/12/2099", "weekdays": ["0", "1"]}
    ask = f"{base}/appointments/{appointment_id}/earlier"
    assert browser.submit(ask, wanted | {"first_day": "abc"}).status_code == 422
    assert browser.submit(ask, wanted | {"weekdays": []}).status_code == 303
    assert browser.get(f"{base}/waiting-list").status_code == 200
    with bound(alpha):
        cancel(db.session.get_one(Appointment, soon_id))
        offer_freed_times()
        entry_id = db.session.scalars(sa.select(WaitingEntry.id)).one()
    assert "/patient/answer/" in browser.get(f"{base}/waiting-list").text
    assert browser.submit(f"{base}/waiting-list/{entry_id}/leave", page=f"{base}/waiting-list").status_code == 303
    with bound(alpha):
        assert db.session.get_one(WaitingEntry, entry_id).state.value == "left"


def test_a_patient_says_how_to_be_written_to(bound, alpha: str, sign_in_patient) -> None:
    with bound(alpha):
        patient_id = book(doctor_at_work(), morning(2)).patient_id
    browser, url = sign_in_patient(alpha, patient_id), f"/h/{alpha}/patient/message-preferences"
    assert browser.get(url).status_code == 200
    wanted = {"first": "email", "second": "", "third": "", "locale": "", "kinds": ["confirmation"], "version": "0"}
    assert browser.submit(url, wanted).status_code == 303
    with bound(alpha):
        row = db.session.get_one(MessagePreference, patient_id)
        assert (row.channels, row.locale, row.muted) == (["email"], None, ["reminder", "slot_offer"])
