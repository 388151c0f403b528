"""The pages of reminders: rules of the administrator, preferences, moves, who was not reached, the waiting list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment
from app.domain.messages.due_reminders import queue_due_reminders
from app.domain.messages.models import AppointmentReminder, Channel, MessageState, OutboundMessage, ReminderState
from app.domain.messages.reminder_settings import list_rules
from app.domain.messages.reminders import plan_reminders, try_next_channel
from app.domain.messages.reminding import MessagePreference
from app.domain.messages.replanning import cancel_without_rule, replan_some
from app.domain.patients.models import Patient
from app.domain.waiting.models import WaitingEntry
from app.domain.waiting.offering import offer_freed_times
from tests.factories import make_patient
from tests.integration.waiting.test_offering import book, cancel, doctor_at_work, morning
from tests.support.platform import ACTOR, WITHOUT_QUIET_HOURS, Platform


@pytest.fixture(autouse=True)
def kept_rules(platform: Platform) -> Iterator[None]:
    """Rules and settings are presets that tests keep; what is changed here is changed back."""
    yield
    with platform.admin("alpha") as connection:
        connection.execute("DELETE FROM reminder_rules WHERE minutes_before NOT IN (1440, 120)")
        connection.execute(
            "INSERT INTO reminder_rules (id, minutes_before) VALUES (gen_random_uuid(), 1440), (gen_random_uuid(), 120)"
            " ON CONFLICT DO NOTHING"
        )
        connection.execute("DELETE FROM settings WHERE key = 'reminders'")
        connection.execute(WITHOUT_QUIET_HOURS)


def planned(appointment_id: object) -> dict[str, ReminderState]:
    query = sa.select(AppointmentReminder.rule, AppointmentReminder.state).filter_by(appointment_id=appointment_id)
    return {row.rule: row.state for row in db.session.execute(query)}


def test_an_administrator_changes_the_rules_and_what_is_booked_follows(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        visit = book(doctor_at_work(), morning(9))
        plan_reminders(ACTOR, visit, db.session.get_one(Patient, visit.patient_id))
        appointment_id = visit.id
    browser, url = sign_in_staff(alpha, "administrator"), f"/h/{alpha}/hospital/reminder-rules"
    assert browser.get(url).status_code == 200
    assert browser.submit(url, {"count": "3", "unit": "days"}).status_code == 303
    assert browser.submit(url, {"count": "72", "unit": "hours"}).status_code == 422
    assert browser.submit(url, {"count": "", "unit": "days"}).status_code == 422
    assert browser.submit(url, {"count": "60", "unit": "days"}).status_code == 422
    with bound(alpha):
        (two_hours,) = [row.id for row in list_rules() if row.rule.code == "2_hours"]
    assert browser.submit(f"{url}/{two_hours}/remove", page=url).status_code == 303
    assert browser.submit(f"{url}/{two_hours}/remove", page=url).status_code == 404
    settings = {"quiet_from": "21:00", "quiet_until": "08:00", "offer_minutes": "45", "offer_ahead_minutes": "90"}
    version = {"version": _version(browser, url)}
    for wrong in (
        {"quiet_until": ""},
        {"quiet_from": "9pm"},
        {"offer_minutes": "1"},
        {"quiet_until": "20:59"},
        {"quiet_from": "2٣:00"},
        {"version": "9" * 5000},
        {"version": "²"},
    ):
        assert browser.submit(f"{url}/settings", settings | version | wrong, page=url).status_code == 422
    assert browser.submit(f"{url}/settings", settings | version, page=url).status_code == 303
    assert browser.submit(f"{url}/settings", settings | version, page=url).status_code == 422  # somebody was faster
    with bound(alpha):
        cancel_without_rule()
        assert replan_some(None) is None
        pending, cancelled = ReminderState.PENDING, ReminderState.CANCELLED
        assert planned(appointment_id) == {"3_days": pending, "1_day": pending, "2_hours": cancelled}
    assert sign_in_staff(alpha, "receptionist").get(url).status_code == 403


def _version(browser, url: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', browser.get(url).text)
    assert found is not None
    return found[1]


def test_the_desk_notes_how_a_patient_wants_to_be_written_to(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        patient = make_patient(email="an@example.vn", phone="+84912345678")
        patient_id = patient.id
    browser, url = (
        sign_in_staff(alpha, "receptionist"),
        f"/h/{alpha}/hospital/patients/{patient_id}/message-preferences",
    )
    assert browser.get(url).status_code == 200
    wanted = {"first": "email", "second": "push", "third": "", "locale": "en", "kinds": ["reminder"], "version": "0"}
    assert browser.submit(url, wanted | {"second": "email"}).status_code == 422
    assert browser.submit(url, wanted | {"first": "fax"}).status_code == 422
    assert browser.submit(url, wanted).status_code == 303
    assert browser.submit(url, wanted).status_code == 422
    with bound(alpha):
        row = db.session.get_one(MessagePreference, patient_id)
        assert (row.channels, row.locale, row.muted) == (["email", "push"], "en", ["confirmation", "slot_offer"])


def test_the_desk_confirms_and_moves_a_visit(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        visit, other = book(doctor, morning(2)), book(doctor, morning(3))
        plan_reminders(ACTOR, visit, db.session.get_one(Patient, visit.patient_id))
        ids = visit.id, other.id
    browser, url = sign_in_staff(alpha, "receptionist"), f"/h/{alpha}/hospital/visits/{ids[0]}"
    assert browser.submit(f"{url}/confirm", page=url).status_code == 303
    assert "Đã xác nhận" in browser.get(url).text or "Confirmed" in browser.get(url).text
    assert browser.get(f"{url}/move").status_code == 200
    for taken in (morning(3), morning(3) + timedelta(minutes=7), morning(400), morning(-1)):
        sent = {"slot": f"{doctor}|{taken.isoformat()}", "version": "1"}
        assert browser.submit(f"{url}/move", sent).status_code == 422
    assert browser.submit(f"{url}/move", {"slot": "", "version": "1"}).status_code == 422
    good = {"slot": f"{doctor}|{morning(4).isoformat()}", "version": "1"}
    assert browser.submit(f"{url}/move", good).status_code == 303
    with bound(alpha):
        moved = db.session.get_one(Appointment, ids[0])
        assert (moved.starts_at, moved.confirmed_at, moved.version) == (morning(4), None, 2)
        assert {row.starts_at for row in db.session.scalars(sa.select(AppointmentReminder))} == {morning(4)}
    assert browser.submit(f"{url}/move", {**good, "slot": f"{doctor}|{morning(5).isoformat()}"}).status_code == 422


def test_who_was_reached_by_no_way_is_on_the_desks_list_until_somebody_calls(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        visit = book(doctor_at_work(), morning(3))
        patient = db.session.get_one(Patient, visit.patient_id)
        patient.phone = "+84912345678"
        plan_reminders(ACTOR, visit, patient)
        db.session.add(MessagePreference(patient_id=patient.id, channels=["sms", "email"], muted=[]))
        appointment_id, starts = visit.id, visit.starts_at
    with clock.frozen_at(starts - timedelta(hours=23)):
        for channel in (Channel.EMAIL,):  # there is no gateway for text messages here
            with bound(alpha):
                queue_due_reminders()
                message = db.session.scalars(
                    sa.select(OutboundMessage).filter_by(reminder_rule="1_day", channel=channel)
                ).one()
                message.state = MessageState.FAILED
                db.session.flush()
                try_next_channel(appointment_id, "1_day", channel)
        with bound(alpha):
            queue_due_reminders()
            reminder = db.session.scalars(sa.select(AppointmentReminder).filter_by(rule="1_day")).one()
            assert reminder.state is ReminderState.FAILED
            reminder_id = reminder.id
    browser, url = sign_in_staff(alpha, "receptionist"), f"/h/{alpha}/hospital/unreached"
    assert "/unreached" in browser.get(f"/h/{alpha}/hospital/today").text
    assert f"reminder-{reminder_id}" in browser.get(url).text
    for _ in range(2):
        assert browser.submit(f"{url}/{reminder_id}/settle", page=f"/h/{alpha}/hospital/today").status_code == 303
    assert f"reminder-{reminder_id}" not in browser.get(url).text


def test_the_desk_keeps_the_waiting_list(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        doctor = doctor_at_work()
        soon_id, later = book(doctor, morning(2)).id, book(doctor, morning(9))
        patient_id, appointment_id = make_patient(email="b@example.vn").id, later.id
        department = str(later.department_id)
    browser, base = sign_in_staff(alpha, "receptionist"), f"/h/{alpha}/hospital"
    day = (clock.now() + timedelta(hours=7)).strftime("%d/%m/%Y")
    wanted = {"doctor": "any", "times": "any", "first_day": day, "last_day": "31/12/2099", "weekdays": []}
    ask = f"{base}/visits/{appointment_id}/earlier"
    assert browser.submit(ask, wanted | {"last_day": "01/01/2020"}).status_code == 422
    assert browser.submit(ask, wanted).status_code == 303
    assert browser.submit(ask, wanted).status_code == 422
    new = f"{base}/patients/{patient_id}/waiting-list"
    assert browser.submit(new, wanted | {"reason": "", "department": department}).status_code == 422
    assert browser.submit(new, wanted | {"reason": "Ho", "department": department}).status_code == 303
    with bound(alpha):
        cancel(db.session.get_one(Appointment, soon_id))
        offer_freed_times()
        entry_id = db.session.scalars(sa.select(WaitingEntry.id).filter_by(patient_id=patient_id)).one()
    page = browser.get(f"{base}/waiting-list").text
    offer = re.search(r"/offers/([0-9a-f-]{36})/accept", page)
    assert offer is not None
    assert browser.submit(f"{base}/offers/{offer[1]}/accept", page=f"{base}/waiting-list").status_code == 303
    assert browser.submit(f"{base}/offers/{offer[1]}/accept", page=f"{base}/waiting-list").status_code == 409
    with bound(alpha):
        assert db.session.get_one(Appointment, appointment_id).starts_at == morning(2)
    left = browser.submit(f"{base}/waiting-list/{entry_id}/leave", page=f"{base}/waiting-list")
    assert left.status_code == 303
    assert f"wait-{entry_id}" not in browser.get(f"{base}/waiting-list").text
