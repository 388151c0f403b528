"""A long note in a real browser: a template keeps what was typed, and what was typed outlives the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core import clock
from app.core.actor import system_actor
from app.domain.appointments.models import AppointmentStatus
from app.domain.records.rules import Note
from app.domain.records.templates import TemplateValues, create_template
from tests import factories
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP
from tests.functional.pages import Watched
from tests.functional.words import vi
from tests.support.platform import Platform

pytestmark = pytest.mark.browser

HOME = "/h/alpha/hospital"
TYPED = "Ho khan ba ngày, không sốt."


@pytest.fixture
def visit_id(bound: Callable[[str], Any], alpha: str, beta: str) -> Any:
    """A doctor's patient who has come, and a template that the doctor is offered."""
    with bound(alpha):
        doctor = factories.make_staff("doctor", username="bac.si", full_name="Bác sĩ Alpha")
        patient = factories.make_patient()
        create_template(
            system_actor("test"), TemplateValues("Khám hô hấp", None, Note(history="Tiền sử: ", examination="Phổi: "))
        )
        made = factories.make_appointment(
            doctor_id=doctor.id, patient_id=patient.id, status=AppointmentStatus.ARRIVED, starts_at=clock.now(),
            arrived_at=clock.now(),
        )  # fmt: skip
        return made.id


def sign_in(browser: Watched) -> None:
    browser.fill(vi("Sign-in name"), "bac.si")
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()


def test_a_long_note_survives_a_template_and_the_end_of_the_session(
    open_browser: Callable[..., Watched], platform: Platform, visit_id: Any
) -> None:
    browser = open_browser(DESKTOP)
    browser.go(f"{HOME}/sign-in")
    sign_in(browser)
    browser.go(f"{HOME}/visits/{visit_id}")
    browser.page.locator(f'form[action$="/visits/{visit_id}/consultation"] button').first.click()
    browser.page.wait_for_url("**/consultations/*", timeout=60_000)
    consultation = browser.page.url
    history, plan = browser.page.locator("#history"), browser.page.locator("#plan")

    history.fill(TYPED)
    browser.page.locator("#template").select_option(label="Khám hô hấp")
    browser.press(vi("Insert"))
    assert history.input_value() == f"{TYPED}\n\nTiền sử:"
    assert browser.page.locator("#examination").input_value() == "Phổi:"

    with platform.admin("alpha") as connection:
        connection.execute("UPDATE sessions SET ended_at = now()")
        connection.execute("UPDATE staff_users SET totp_last_step = NULL")  # the same code once more
    plan.fill("Nghỉ ngơi, hẹn tái khám sau ba ngày.")
    browser.page.wait_for_url("**/sign-in**", timeout=60_000)
    sign_in(browser)
    browser.go(consultation)
    assert plan.input_value() == "Nghỉ ngơi, hẹn tái khám sau ba ngày."
    browser.look("hospital-note-restored", full=True)
    browser.press(vi("Save draft"))
    assert plan.input_value() == "Nghỉ ngơi, hẹn tái khám sau ba ngày."
    with platform.admin("alpha") as connection:
        assert connection.execute("SELECT plan FROM medical_records").fetchone()[0].startswith("Nghỉ ngơi")
