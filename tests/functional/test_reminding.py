"""Reminders and the waiting list in a browser: an answer by link on a phone, the desk's lists, the hospital's rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import Appointment
from app.domain.messages.answer_links import offer_link, visit_link
from app.domain.messages.models import AppointmentReminder, ReminderOutcome, ReminderState
from app.domain.messages.reminders import plan_reminders
from app.domain.patients.models import Patient
from app.domain.waiting.asking import ask_for_earlier
from app.domain.waiting.models import SlotOffer
from app.domain.waiting.offering import offer_freed_times
from tests.factories import make_appointment, make_patient, make_patient_user, make_schedule, make_staff
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.test_access_rules import sign_in
from tests.functional.words import vi
from tests.integration.waiting.test_offering import cancel, morning, wish
from tests.support.platform import ACTOR

pytestmark = pytest.mark.browser

DESK, PATIENT = "/h/alpha/hospital", "/h/alpha/patient"


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


@pytest.fixture
def asked(alpha: str, bound: Callable[[str], Any]) -> dict[str, str]:
    """A day with visits, one who waits and is offered a time, and one who was not reached; return the addresses."""
    with bound(alpha):
        for width in ("wide", "narrow"):
            make_staff("administrator", username=f"quan.tri.{width}", full_name="Lê Thị Quản Trị")
            make_staff("receptionist", username=f"tiep.don.{width}", full_name="Phạm Thị Tiếp Đón")
        doctor = make_staff("doctor", full_name="BS. Nguyễn Minh Khoa").id
        make_schedule(doctor)
        names = ("Trần Thị Đào", "Lê Văn Hùng", "Đặng Ngọc Bích", "Vũ Đình Khôi")
        people = [make_patient(full_name=name, email=f"p{n}@example.vn") for n, name in enumerate(names)]
        account = make_patient_user(people[0])
        visits = [
            make_appointment(doctor_id=doctor, patient_id=one.id, starts_at=morning(days))
            for one, days in zip(people, (9, 2, 3, 8), strict=True)
        ]
        for visit in visits:
            plan_reminders(ACTOR, visit, db.session.get_one(Patient, visit.patient_id))
        for visit in (visits[0], visits[3]):
            ask_for_earlier(ACTOR, visit.id, wish(weekdays=(0, 1, 2, 3, 4, 5, 6)))
        cancel(visits[1])
        offer_freed_times()
        offer = db.session.scalars(sa.select(SlotOffer)).one()
        db.session.execute(
            sa.update(AppointmentReminder)
            .where(AppointmentReminder.appointment_id == visits[2].id, AppointmentReminder.rule == "1_day")
            .values(state=ReminderState.FAILED, outcome=ReminderOutcome.NO_WAY)
        )
        assert account is not None
        return {
            "visit": path_of(visit_link(visits[2].id, visits[2].starts_at)),
            "offer": path_of(offer_link(offer.id, offer.expires_at)),
            "cccd": people[0].cccd or "",
            "own": str(visits[0].id),
            "moved": str(visits[2].id),
        }


def test_a_patient_answers_by_link_and_says_how_to_be_written_to(
    asked: dict[str, str], alpha: str, bound: Callable[[str], Any], open_browser: Callable[..., Watched]
) -> None:
    phone = open_browser(PHONE)
    phone.go(asked["visit"])
    phone.look("patient-answer", full=True)
    phone.press(vi("Yes, I will come"))
    phone.go(asked["offer"])
    phone.look("patient-offer", full=True)
    with bound(alpha):
        assert db.session.get_one(Appointment, asked["moved"]).confirmed_at is not None
    sign_in(phone, f"{PATIENT}/sign-in", vi("CCCD number or mobile number"), asked["cccd"])
    for name, path in {
        "patient-preferences": f"{PATIENT}/message-preferences",
        "patient-waiting": f"{PATIENT}/waiting-list",
        "patient-move": f"{PATIENT}/appointments/{asked['own']}/move",
        "patient-own-visit": f"{PATIENT}/appointments/{asked['own']}",
    }.items():
        phone.go(path)
        phone.look(name, full=True)
    wide = open_browser(DESKTOP)
    wide.go(asked["offer"])
    wide.look("patient-offer-wide", full=True)
    wide.press(vi("Take this time"))
    with bound(alpha):
        assert db.session.get_one(Appointment, asked["own"]).starts_at == morning(2)


def test_the_desk_and_the_administrator_see_their_lists(
    asked: dict[str, str], open_browser: Callable[..., Watched]
) -> None:
    for shape, width in ((DESKTOP, "wide"), (PHONE, "narrow")):
        desk = open_browser(shape)
        sign_in(desk, f"{DESK}/sign-in", vi("Sign-in name"), f"tiep.don.{width}")
        desk.show_code()
        for name, path in {
            "waiting": "waiting-list",
            "unreached": "unreached",
            "move": f"visits/{asked['moved']}/move",
            "earlier": f"visits/{asked['moved']}/earlier",
            "visit": f"visits/{asked['moved']}",
        }.items():
            desk.go(f"{DESK}/{path}")
            desk.look(f"hospital-{name}-{width}", full=True)
        administrator = open_browser(shape)
        sign_in(administrator, f"{DESK}/sign-in", vi("Sign-in name"), f"quan.tri.{width}")
        administrator.show_code()
        administrator.go(f"{DESK}/reminder-rules")
        administrator.look(f"hospital-reminder-rules-{width}", full=True)
