"""A letter on paper becomes a document, and results are read: by the doctor at the desk, by the patient by phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import typst

from app.core import clock
from app.domain.appointments.models import AppointmentStatus
from app.domain.laboratory.models import Flag
from tests import factories
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi
from tests.integration.hospital.results_at_hand import make_report

pytestmark = pytest.mark.browser

HOME, OWN = "/h/alpha/hospital", "/h/alpha/patient"
LETTER = typst.compile({"main.typ": "= Giấy ra viện\nTình trạng ổn định. #pagebreak() = Đơn thuốc về".encode()})
PROGRAM = {"name": "giay.pdf", "mimeType": "application/pdf", "buffer": b"MZ\x90\x00" + b"\0" * 300}
SENT = {"name": "giay.pdf", "mimeType": "application/pdf", "buffer": LETTER}
ANSWER = "Kali hơi cao, nên khám lại."


@pytest.fixture
def case(bound: Callable[[str], Any], alpha: str) -> dict[str, Any]:
    """A doctor, a patient with an account, and three results, of which the last one is released."""
    with bound(alpha):
        doctor = factories.make_staff("doctor", username="bac.si", full_name="Bác sĩ Alpha")
        patient = factories.make_patient()
        factories.make_patient_user(patient)
        factories.make_appointment(
            doctor_id=doctor.id, patient_id=patient.id, status=AppointmentStatus.COMPLETED,
            starts_at=clock.now() - timedelta(days=1),
        )  # fmt: skip
        for value, days in (("4.1", 90), ("4.8", 30)):
            make_report(patient.id, doctor.id, {"K": (value, Flag.NORMAL)}, days_ago=days)
        report = make_report(
            patient.id, doctor.id, {"K": ("5.4", Flag.HIGH), "NA": ("131", Flag.LOW)}, interpretation=ANSWER,
            released_at=clock.now(),
        )  # fmt: skip
        return {"patient": patient.id, "cccd": patient.cccd, "report": report.id}


def test_a_letter_is_added_read_page_by_page_and_shared(
    open_browser: Callable[..., Watched], case: dict[str, Any]
) -> None:
    doctor = open_browser(DESKTOP)
    doctor.go(f"{HOME}/sign-in")
    doctor.fill(vi("Sign-in name"), "bac.si")
    doctor.fill(vi("Password"), PASSWORD)
    doctor.press(vi("Sign in"))
    doctor.show_code()

    doctor.go(f"{HOME}/patients/{case['patient']}/documents/new")
    doctor.page.locator("#file").set_input_files(PROGRAM)
    doctor.page.locator("#title").fill("Giấy ra viện tháng 3")
    doctor.press(vi("Save the document"))
    assert doctor.says(vi("This file is a program, whatever its name says. It was not kept."))
    doctor.look("document-refused", full=True)
    doctor.page.locator("#file").set_input_files(SENT)
    doctor.press(vi("Save the document"))
    doctor.look("document", full=True)
    doctor.follow(vi("Next page"))
    assert doctor.page.locator(".document-preview__page").evaluate("img => img.complete && img.naturalWidth") > 500
    doctor.press(vi("Let the patient read it"))
    doctor.go(f"{HOME}/patients/{case['patient']}/documents")
    doctor.look("documents", full=True)
    doctor.go(f"{HOME}/lab-reports/{case['report']}")
    doctor.look("lab-report", full=True)
    doctor.go(f"{HOME}/patients/{case['patient']}/results")
    doctor.page.locator("tbody a").first.click()
    doctor.look("lab-trends", full=True)

    phone = open_browser(PHONE)
    phone.go(f"{OWN}/sign-in")
    phone.fill(vi("CCCD or phone number"), case["cccd"])
    phone.fill(vi("Password"), PASSWORD)
    phone.press(vi("Sign in"))
    phone.go(f"{OWN}/record")
    phone.follow(vi("My test results"))
    phone.look("patient-results", full=True)
    phone.page.locator(".link-card a").first.click()
    phone.look("patient-result", full=True)
    assert phone.says(ANSWER)
    phone.go(f"{OWN}/documents")
    phone.follow("Giấy ra viện tháng 3")
    phone.look("patient-document", full=True)
