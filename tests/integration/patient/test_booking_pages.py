"""Booking in the patient portal: one question a page, the answers in the address, and nothing lost when a slot goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import icalendar
import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from tests import factories
from tests.integration.patient.conftest import slot_in
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

BASE = "/h/alpha/patient"
SignIn = Callable[..., CheckingClient]
Doctor = dict[str, UUID]


def step(name: str, doctor: Doctor, /, **answers: Any) -> str:
    """Return the address of a step with the answers so far."""
    known = {"department": doctor["department"], "doctor": doctor["id"], **answers}
    return f"{BASE}/appointments/new/{name}?{urlencode(known)}"


def value_of(moment: datetime) -> str:
    """Return how a slot stands in an address."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def answers_in(url: str | None) -> dict[str, str]:
    """Return the answers that an address carries."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url or "").query).items()}


def book(browser: CheckingClient, doctor: Doctor, moment: datetime, reason: str = "Đau đầu") -> Any:
    """Send the last page of the booking."""
    browser.submit(step("reason", doctor, slot=value_of(moment)), {"reason": reason})
    return browser.submit(
        f"{BASE}/appointments",
        {"department": doctor["department"], "doctor": doctor["id"], "slot": value_of(moment), "reason": reason},
        page=f"{BASE}/profile",
    )


def test_a_visit_is_booked_step_by_step(sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any) -> None:
    browser = sign_in_patient(alpha)
    assert "Bước 1/5" in browser.get(f"{BASE}/appointments/new").text
    page = browser.get(f"{BASE}/appointments/new/doctor?department={doctor['department']}")
    assert "BS. Trần Quốc Bảo" in page.text
    moment = slot_in(2, 10)
    page = browser.get(step("time", doctor, doctor="any", day=moment.date()))
    assert f'value="{value_of(moment)}"' in page.text
    chosen = browser.get(step("time", doctor, doctor="any", slot=value_of(moment), **{"continue": 1}))
    assert answers_in(chosen.location)["doctor"] == str(doctor["id"]), "whoever is free first has a name from here on"
    answered = browser.submit(chosen.location, {"reason": "Ho năm ngày nay"})
    assert "reason=" not in answered.location, "why somebody comes stands in no address"
    check = browser.get(answered.location)
    assert "Ho năm ngày nay" in check.text
    done = book(browser, doctor, moment, "Ho năm ngày nay")
    assert done.status_code == 303
    confirmation = browser.get(done.location).text
    with bound(alpha):
        visit = db.session.scalars(sa.select(Appointment)).one()
        assert (visit.starts_at, visit.reason, visit.patient_id) == (
            moment,
            "Ho năm ngày nay",
            browser.person["patient_id"],
        )
        assert visit.code in confirmation


def test_sending_the_booking_twice_leads_to_the_same_visit(sign_in_patient: SignIn, alpha: str, doctor: Doctor) -> None:
    browser = sign_in_patient(alpha)
    first, second = (book(browser, doctor, slot_in(2)) for _ in range(2))
    assert first.location == second.location


def test_a_slot_that_was_just_taken_is_answered_with_others_and_the_reason_is_kept(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    moment = slot_in(2)
    browser.submit(step("reason", doctor, slot=value_of(moment)), {"reason": "Ho ra máu"})
    with bound(alpha):
        factories.make_appointment(doctor_id=doctor["id"], starts_at=moment)
    response = book(browser, doctor, moment, "Ho ra máu")
    assert response.status_code == 409
    assert "Ho ra máu" in response.text
    assert value_of(slot_in(2, 9, 30)) in response.text
    again = browser.get(step("check", doctor, slot=value_of(slot_in(2, 9, 30))))
    assert "Ho ra máu" in again.text


def test_a_time_at_which_one_has_another_visit_is_answered_with_that_visit(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        own = factories.make_appointment(patient_id=browser.person["patient_id"], starts_at=slot_in(2)).id
    assert book(browser, doctor, slot_in(2)).status_code == 409
    response = browser.get(step("check", doctor, slot=value_of(slot_in(2))))
    assert response.status_code == 409
    assert f"/appointments/{own}" in response.text


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_that_says_nothing_or_too_much_is_asked_for_again(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, reason: str
) -> None:
    browser = sign_in_patient(alpha)
    response = browser.submit(step("reason", doctor, slot=value_of(slot_in(2))), {"reason": reason})
    assert response.status_code == 422
    assert "<title>Lỗi:" in response.text
    assert reason.strip() in response.text


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_the_booking_itself_asks_for_a_proper_reason_too(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, reason: str
) -> None:
    response = book(sign_in_patient(alpha), doctor, slot_in(2), reason)
    assert response.status_code == 422
    assert 'name="reason"' in response.text


def test_the_longest_reason_of_the_largest_letters_is_kept_to_the_end(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor
) -> None:
    browser, reason = sign_in_patient(alpha), "".join(chr(0x1F300 + number) for number in range(500))
    checked = browser.submit(step("reason", doctor, slot=value_of(slot_in(2))), {"reason": reason})
    assert reason in browser.get(checked.location).text


@pytest.mark.parametrize("parameter", ["day", "from"])
@pytest.mark.parametrize("day", ["2026-02-30", "30/11/2026", "0", "9999-99-99", "\u0661"])
def test_a_day_that_does_not_exist_is_said_to_be_so(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, parameter: str, day: str
) -> None:
    response = sign_in_patient(alpha).get(step("time", doctor, **{parameter: day}))
    assert response.status_code == 422
    assert "Không có ngày này trong lịch" in response.text


@pytest.mark.parametrize("day", ["1999-01-01", "2190-01-01"])
def test_a_day_that_cannot_be_booked_shows_those_that_can(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, day: str
) -> None:
    assert sign_in_patient(alpha).get(step("time", doctor, **{"from": day, "day": day})).status_code == 200


def test_going_on_without_a_time_asks_for_one(sign_in_patient: SignIn, alpha: str, doctor: Doctor) -> None:
    response = sign_in_patient(alpha).get(step("time", doctor, **{"continue": 1}))
    assert response.status_code == 422
    assert "Hãy chọn giờ khám" in response.text


@pytest.mark.parametrize(
    ("slot", "status"),
    [
        ("", 422),
        ("tomorrow", 422),
        ("20260230T010000Z", 422),
        (value_of(slot_in(-2)), 422),
        (value_of(slot_in(2, 9, 7)), 422),
        ("99991231T235900Z", 422),
    ],
)
@pytest.mark.parametrize("name", ["reason", "check"])
def test_a_tampered_slot_is_refused_on_every_step(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, name: str, slot: str, status: int
) -> None:
    assert sign_in_patient(alpha).get(step(name, doctor, slot=slot)).status_code == status


@pytest.mark.parametrize("moment", [slot_in(-2), slot_in(2, 9, 7)], ids=["past", "no slot"])
def test_a_tampered_slot_is_refused_by_the_booking_itself(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, moment: datetime, bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    data = {"department": doctor["department"], "doctor": doctor["id"], "slot": value_of(moment), "reason": "x"}
    assert browser.submit(f"{BASE}/appointments", data, page=f"{BASE}/profile").status_code == 422
    with bound(alpha):
        assert not db.session.scalars(sa.select(Appointment)).all()


@pytest.mark.parametrize("name", ["department", "doctor"])
@pytest.mark.parametrize("value", ["", "x", "02722986-3824-4a1d-8633-9be4d95d6c53"])
def test_an_unknown_department_or_doctor_is_not_found(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, name: str, value: str
) -> None:
    assert sign_in_patient(alpha).get(step("time", doctor, **{name: value})).status_code == 404


def test_the_check_comes_after_the_reason(sign_in_patient: SignIn, alpha: str, doctor: Doctor) -> None:
    response = sign_in_patient(alpha).get(step("check", doctor, slot=value_of(slot_in(2))))
    assert response.status_code == 303
    assert "/new/reason" in response.location


def test_the_calendar_file_says_when_and_where_but_not_why(sign_in_patient: SignIn, alpha: str, doctor: Doctor) -> None:
    browser = sign_in_patient(alpha)
    booked = book(browser, doctor, slot_in(2), "Nghi có thai")
    response = browser.get(booked.location.replace("/booked", "/calendar.ics"))
    assert response.headers["Content-Disposition"].startswith("attachment;")
    event = icalendar.Calendar.from_ical(response.data).walk("VEVENT")[0]
    assert event.decoded("dtstart") == slot_in(2)
    assert event.decoded("dtend") == slot_in(2, 9, 30)
    assert "Bệnh viện Alpha" in event["location"]
    assert "Nghi" not in response.text


def test_a_cancelled_visit_is_free_for_somebody_else(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any
) -> None:
    first, second = sign_in_patient(alpha), sign_in_patient(alpha)
    booked = book(first, doctor, slot_in(2))
    page = booked.location.replace("/booked", "/cancel")
    assert book(second, doctor, slot_in(2)).status_code == 409
    assert first.submit(page, {"version": 1, "reason": ""}).status_code == 303
    assert book(second, doctor, slot_in(2)).status_code == 303
    with bound(alpha):
        states = list(db.session.scalars(sa.select(Appointment.status).order_by(Appointment.id)))
        assert states == [AppointmentStatus.CANCELLED, AppointmentStatus.BOOKED]


def test_a_visit_that_was_changed_meanwhile_is_not_cancelled(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    page = book(browser, doctor, slot_in(2)).location.replace("/booked", "/cancel")
    assert browser.submit(page, {"version": 7}).status_code == 409
    assert browser.submit(page, {"version": "x"}).status_code == 422
    with bound(alpha):
        db.session.scalars(sa.select(Appointment)).one().status = AppointmentStatus.ARRIVED
    assert browser.submit(page, {"version": 2}).status_code in (404, 409)


@pytest.mark.parametrize("page", ["", "/booked", "/calendar.ics", "/cancel"])
def test_the_visit_of_another_patient_is_not_found(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, page: str
) -> None:
    booked = book(sign_in_patient(alpha), doctor, slot_in(2))
    other = sign_in_patient(alpha)
    assert other.get(booked.location.replace("/booked", page)).status_code == 404
    cancel = booked.location.replace("/booked", "/cancel")
    assert other.submit(cancel, {"version": 1}, page=f"{BASE}/profile").status_code == 404


def test_a_session_of_one_hospital_is_nobody_at_the_other(
    sign_in_patient: SignIn, alpha: str, beta: str, doctor: Doctor
) -> None:
    browser = sign_in_patient(alpha)
    booked = book(browser, doctor, slot_in(2)).location.replace("/booked", "")
    for url in (booked, f"{BASE}/home", f"{BASE}/record", f"{BASE}/profile", f"{BASE}/appointments/new"):
        assert browser.get(url).status_code == 200
        elsewhere = browser.get(url.replace("/h/alpha/", "/h/beta/"))
        assert elsewhere.status_code == 303
        assert "/h/beta/patient/sign-in" in elsewhere.location


def test_every_step_takes_a_fixed_number_of_queries(
    sign_in_patient: SignIn, alpha: str, doctor: Doctor, bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    counts = []
    for more in (0, 4):
        with bound(alpha):
            for _ in range(more):
                factories.make_schedule(factories.make_staff("doctor").id)
        urls = [
            f"{BASE}/appointments/new",
            f"{BASE}/appointments/new/doctor?department={doctor['department']}",
            step("time", doctor, doctor="any"),
            step("time", doctor),
        ]
        found = []
        for url in urls:
            with count_queries() as seen:
                assert browser.get(url).status_code == 200
            found.append(len(seen))
        counts.append(found)
    assert counts[0] == counts[1] == [3, 6, 5, 6]
