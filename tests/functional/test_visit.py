"""One patient's visit from booking to prescription, through three portals in three browsers, with and without scripts.

Two hospitals stand by all the time; in the end the other one knows nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.queue import enqueue
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import Patient, Sex
from app.domain.patients.operations import register_patient
from app.domain.patients.rules import PatientDetails
from app.tenancy.models import HealthCheck, PatientIndexEntry
from tests.factories import make_operator, make_patient_user, make_schedule, make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE, wait_until
from tests.functional.pages import Watched
from tests.functional.sink import MailSink
from tests.functional.words import vi
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import NEW

pytestmark = pytest.mark.browser

PATIENT = "Trần Thị Đào"
CCCD = "001180000021"
EMAIL = "dao@example.vn"
OTHERS_PATIENT = "Lê Văn Kín"


@pytest.fixture
def people(app: Flask, platform: Platform, bound: Callable[[str], Any], alpha: str, beta: str) -> Iterator[None]:
    """An operator, staff and patients; and a time zone in which it is now morning, whenever the test runs."""
    _set_morning(platform)
    with app.app_context(), unit_of_work():
        make_operator()
    for code in (alpha, beta):
        with bound(code):
            doctor = make_staff("doctor", username="doctor", full_name=f"Bác sĩ {code.title()}")
            make_staff("nurse", username="nurse", full_name=f"Điều dưỡng {code.title()}")
            make_staff("receptionist", username="desk", full_name=f"Tiếp đón {code.title()}")
            make_schedule(doctor.id)
            known = PATIENT if code == alpha else OTHERS_PATIENT
            patient = register_patient(ACTOR, _details(known, CCCD if code == alpha else "001080000031"))
            make_patient_user(db.session.get(Patient, patient.id))
    yield
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET timezone = 'Asia/Ho_Chi_Minh'")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_visit_from_booking_to_prescription(
    scripts: bool,
    people: None,
    app: Flask,
    platform: Platform,
    bound: Callable[[str], Any],
    open_browser: Callable[..., Watched],
    mail: MailSink,
) -> None:
    operator = open_browser(DESKTOP, java_script_enabled=scripts)
    staff = open_browser(DESKTOP, java_script_enabled=scripts)
    phone = open_browser(PHONE, java_script_enabled=scripts)
    mail.messages.clear()
    wait_until(lambda: _indexed(app) == 2, "the centre has heard of both patients")

    with app.app_context():
        enqueue("check_health")
    wait_until(lambda: _checked(app) == 2, "both hospitals' health is known")

    _operator_creates_a_third_hospital(operator)
    code = _patient_books(phone)
    _reminder_arrives(platform, mail)
    _receptionist_checks_in(staff)
    _nurse_takes_vital_signs(staff)
    record_url = _doctor_sees_the_patient(staff)
    _signed_record_refuses_changes(platform)
    _doctor_amends(staff, record_url)
    _patient_reads(phone, code)
    _operator_sees_the_sync(operator)
    _other_hospital_knows_nothing(staff, record_url)


def _operator_creates_a_third_hospital(browser: Watched) -> None:
    browser.go("/admin/")
    browser.fill(vi("Sign-in name"), "operator")
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
    assert browser.says("Bệnh viện Alpha")
    assert browser.says("Bệnh viện Beta")
    assert browser.page.get_by_role("cell", name=NEW).count() == 2
    assert browser.page.get_by_role("cell", name=re.compile(r"\d MB")).count() == 2
    browser.look("admin-fleet")
    browser.follow(vi("New hospital"))
    browser.page.get_by_text(vi("No e-mail? Give a first password instead")).click()
    for label, value in {
        vi("Legal name"): "Bệnh viện Gamma",
        vi("Name shown to people"): "BV Gamma",
        vi("Code"): "gamma",
        vi("Full name"): "Quản trị Gamma",
        vi("Sign-in name"): "quantri",
        vi("First password"): PASSWORD,
    }.items():
        browser.page.get_by_role("textbox", name=re.compile(f"^{re.escape(label)}")).first.fill(value)
    browser.press(vi("Create hospital"))
    portal = browser.page.get_by_role("link", name=vi("Open hospital portal"))
    wait_until(lambda: _reload_without_scripts(browser) and portal.is_visible(), "the third hospital serves")
    browser.look("admin-new-hospital")
    portal.click()
    browser.fill(vi("Sign-in name"), "quantri")
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    assert browser.says("BV Gamma")


def _patient_books(phone: Watched) -> str:
    phone.go("/patient/")
    phone.look("patient-sign-in")
    phone.fill(vi("CCCD or phone number"), CCCD)
    phone.fill(vi("Password"), PASSWORD)
    phone.press(vi("Sign in"))
    phone.page.wait_for_url("**/h/alpha/patient/home")
    phone.look("patient-home")
    phone.follow(vi("Book a visit"))
    phone.follow("Khoa Nội tổng quát")
    phone.follow("Bác sĩ Alpha")
    phone.page.get_by_label("14:00").check()
    phone.look("patient-booking")
    phone.press(vi("Continue"))
    phone.page.get_by_role("textbox").fill("Ho và sốt nhẹ ba ngày")
    phone.press(vi("Continue"))
    phone.look("patient-check")
    phone.press(vi("Book this visit"))
    assert phone.says(vi("Your visit is booked"))
    phone.look("patient-booked")
    found = re.search(r"LH-\d{6}", phone.page.content())
    assert found
    return found.group()


def _reminder_arrives(platform: Platform, mail: MailSink) -> None:
    """The confirmation comes by itself; the two-hour reminder when its time has come."""
    wait_until(lambda: mail.to(EMAIL), "the confirmation is mailed")
    with platform.admin("alpha") as connection:
        moved = connection.execute(
            "UPDATE appointment_reminders"
            " SET created_at = now() - interval '1 day', due_at = now() - interval '1 minute'"
        )
        assert moved.rowcount > 0
    wait_until(lambda: len(mail.to(EMAIL)) == 2, "the scheduler sends the reminder", seconds=60)
    body = mail.to(EMAIL)[1].get_content()
    assert "14:00" in body
    assert "Bệnh viện Alpha" in body
    assert "Ho và sốt" not in body, "no clinical detail leaves in a message"


def _receptionist_checks_in(browser: Watched) -> None:
    _sign_in(browser, "alpha", "desk")
    browser.look("hospital-arrivals")
    browser.page.get_by_role("searchbox").first.fill("tran thi dao")
    browser.page.get_by_role("searchbox").first.press("Enter")
    browser.look("hospital-search")
    assert browser.says(PATIENT), "found without diacritics"
    browser.go("/h/alpha/hospital/today")
    browser.press(vi("Check in"))
    _sign_out(browser)


def _nurse_takes_vital_signs(browser: Watched) -> None:
    _sign_in(browser, "alpha", "nurse")
    browser.follow(vi("Take vital signs"))
    for label, value in {
        vi("Temperature"): "38,4",
        vi("Pulse"): "96",
        vi("Systolic blood pressure"): "130",
        vi("Diastolic blood pressure"): "85",
        "SpO2": "97",
    }.items():
        browser.page.get_by_role("textbox", name=re.compile(re.escape(label), re.IGNORECASE)).first.fill(value)
    browser.look("hospital-vitals")
    browser.press(vi("Save"))
    _sign_out(browser)


def _doctor_sees_the_patient(browser: Watched) -> str:
    _sign_in(browser, "alpha", "doctor")
    browser.look("hospital-worklist")
    browser.press(vi("Start consultation"))
    browser.page.get_by_label(vi("Examination"), exact=True).fill("Họng đỏ, phổi trong")
    browser.page.get_by_label(vi("Assessment"), exact=True).fill("Viêm mũi họng cấp")
    browser.page.get_by_label(vi("Plan"), exact=True).fill("Nghỉ ngơi, uống nhiều nước")
    _find(browser, vi("Find a diagnosis (ICD-10)"), "viem mui hong cap", "find-diagnosis")
    browser.page.get_by_role("button", name=vi("Add %(code)s", code="J00")).click()
    browser.page.get_by_role("rowheader", name="J00").wait_for()
    for name, strength, dose, times in (("Paracetamol", "500 mg", "1", "3"), ("Loratadin", "10 mg", "1", "1")):
        _find(browser, vi("Find a medicine"), f"{name} {strength}", "find-medicine")
        browser.page.get_by_role("radio", name=re.compile(f"{name}.*{strength}")).first.check()
        browser.page.get_by_label(vi("Dose"), exact=True).fill(dose)
        browser.page.get_by_label(vi("Times a day"), exact=True).fill(times)
        browser.page.get_by_label(vi("Days"), exact=True).fill("5")
        browser.page.get_by_role("button", name=vi("Add to prescription")).click()
        browser.page.get_by_role("button", name=re.compile(vi("Remove %(what)s", what=name))).wait_for()
    browser.look("hospital-consultation")
    _confirm(browser, vi("Sign the record"), vi("Yes, sign now"))
    assert browser.page.get_by_text(re.compile("Bác sĩ Alpha")).first.is_visible()
    browser.look("hospital-signed")
    return browser.page.url


def _signed_record_refuses_changes(platform: Platform) -> None:
    """Even the owner of the tables is refused by the database."""
    with platform.admin("alpha") as connection:
        for statement in (
            "UPDATE medical_records SET plan = 'anders'",
            "DELETE FROM medical_records",
            "UPDATE record_diagnoses SET code = 'J18'",
            "DELETE FROM prescription_items",
            "UPDATE prescriptions SET note = 'x'",
        ):
            with pytest.raises(Exception, match="never changed"):
                connection.execute(statement)


def _doctor_amends(browser: Watched, record_url: str) -> None:
    browser.open(record_url)
    browser.page.get_by_text(vi("Amend this record")).click()
    browser.page.get_by_label(vi("Reason for the amendment")).fill("Bổ sung lời dặn")
    browser.press(vi("Begin the amendment"))
    browser.page.get_by_label(vi("Plan"), exact=True).fill("Nghỉ ngơi, uống nhiều nước, tái khám sau 5 ngày")
    _confirm(browser, vi("Sign the record"), vi("Yes, sign now"))
    assert browser.says("tái khám sau 5 ngày")
    browser.look("hospital-amended")
    _sign_out(browser)


def _patient_reads(phone: Watched, code: str) -> None:
    phone.go("/h/alpha/patient/record")
    phone.look("patient-record")
    phone.page.get_by_role("link", name=re.compile("Viêm mũi họng cấp")).first.click()
    phone.look("patient-visit", full=True)
    for words in (code, "J00", "tái khám sau 5 ngày", "Paracetamol", "Loratadin"):
        assert words in phone.page.content()
    phone.go("/h/alpha/patient/record/access")
    phone.look("patient-who-looked")
    for name in ("Bác sĩ Alpha", "Điều dưỡng Alpha", "Tiếp đón Alpha"):
        assert name in phone.page.content()


def _operator_sees_the_sync(browser: Watched) -> None:
    def carried() -> bool:
        browser.open("/admin/hospitals/alpha")
        return browser.page.get_by_text(re.compile(r"\b1\b")).count() > 0

    wait_until(carried, "the sync has carried the visit")
    browser.look("admin-hospital")
    browser.go("/admin/sync")
    browser.look("admin-sync")
    assert PATIENT not in browser.page.content()


def _other_hospital_knows_nothing(browser: Watched, record_url: str) -> None:
    _sign_in(browser, "beta", "doctor")
    browser.open("/h/beta/hospital/search?q=tran+thi+dao")
    assert PATIENT not in browser.page.content()
    browser.open(record_url.replace("/h/alpha/", "/h/beta/"))
    assert "Viêm mũi họng" not in browser.page.content()
    browser.open(record_url)
    assert "/h/alpha/hospital/sign-in" in browser.page.url


def _sign_in(browser: Watched, hospital: str, username: str, first_page: str = "today") -> None:
    browser.go(f"/h/{hospital}/hospital/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
    browser.page.wait_for_url(f"**/h/{hospital}/hospital/{first_page}")


def _sign_out(browser: Watched) -> None:
    button = browser.page.get_by_role("button", name=vi("Sign out")).first
    if not button.is_visible():
        browser.page.locator("summary").first.click()
    button.click()
    browser.page.wait_for_url("**/sign-in")


def _find(browser: Watched, label: str, words: str, act: str) -> None:
    """Search as one types with scripts, by the button without."""
    browser.page.get_by_label(label, exact=True).fill(words)
    if not browser.javascript:
        browser.page.locator(f'button[value="{act}"]').click()


def _confirm(browser: Watched, question: str, answer: str) -> None:
    browser.page.locator("summary", has_text=question).click()
    browser.press(answer)


def _reload_without_scripts(browser: Watched) -> bool:
    if not browser.javascript:
        browser.page.reload()
    return True


def _set_morning(platform: Platform) -> None:
    """Put the hospitals where it is nine o'clock: a visit at 14:00 is then still to come, at any hour of testing."""
    offset = (9 - datetime.now(UTC).hour + 12) % 24 - 12
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET timezone = %s", (f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT",))


def _indexed(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(PatientIndexEntry)) or 0


def _checked(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count(sa.distinct(HealthCheck.hospital_id)))) or 0


def _details(name: str, cccd: str) -> PatientDetails:
    sex = Sex.FEMALE if cccd[3] == "1" else Sex.MALE
    return PatientDetails(full_name=name, born_on=date(1980, 5, 17), sex=sex, cccd=cccd, email=EMAIL)
