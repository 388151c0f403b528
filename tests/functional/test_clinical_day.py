"""One outpatient day: desk, nurse and doctor at work at once, a wall that calls, twelve patients, two technicians.

Eight have a visit and come; one has a visit and does not. One is registered by the card, one comes without a visit, one
is an emergency. It is done with scripts and without.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.laboratory.models import LabTest
from app.domain.queueing.screens import create_screen
from app.domain.records.models import MedicalRecord, RecordStatus
from tests.factories import make_appointment, make_patient, make_schedule, make_staff
from tests.functional.conftest import DESKTOP, wait_until
from tests.functional.pages import Watched
from tests.functional.test_live import WALL
from tests.functional.test_visit import _confirm, _find, _set_morning, _sign_in
from tests.functional.words import vi
from tests.support.platform import ACTOR, Platform

pytestmark = pytest.mark.browser

HOME = "/h/alpha/hospital"
ROOM = "Phòng 5"
CARD = "001184000123||Đặng Thị Ngọc|15031984|Nữ|12 Lê Lợi, Phường Cửa Nam, Hà Nội|01012021"
EXPECTED = (
    "Lê Văn An", "Trần Thị Bình", "Võ Minh Châu", "Đỗ Thu Dung",
    "Hồ Văn Em", "Bùi Thị Gấm", "Ngô Văn Hải", "Lý Thị Kim",
)  # fmt: skip
ABSENT, BY_CARD, WALK_IN, EMERGENCY = "Mai Văn Lâm", "Đặng Thị Ngọc", "Tạ Thị Mận", "Phan Văn Nam"
MEASURES = ("temperature_c", "pulse", "systolic", "diastolic", "respiratory_rate", "spo2")
WELL = dict(zip(MEASURES, ("36,8", "76", "122", "78", "16", "98"), strict=True))
ILL = dict(zip(MEASURES, ("39,2", "124", "98", "60", "26", "91"), strict=True))


@pytest.fixture
def morning(platform: Platform, bound: Callable[[str], Any], alpha: str, beta: str) -> Iterator[dict[str, Any]]:
    """The people of a small outpatient department at nine o'clock, and the addresses of its patients."""
    _set_morning(platform)
    with platform.app.app_context():
        platform.app.extensions["tenancy"].registry.forget()
    with bound(alpha):
        doctor = make_staff("doctor", username="doctor", full_name="Bác sĩ Alpha")
        make_schedule(doctor.id)
        for role, name in (("nurse", "nurse"), ("receptionist", "desk"), ("administrator", "chief")):
            make_staff(role, username=name, full_name=f"{name.title()} Alpha")
        for name in ("lab.first", "lab.second"):
            make_staff("lab_technician", username=name, full_name=f"Kỹ thuật viên {name}")
        first = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        patients = {name: make_patient(full_name=name) for name in (*EXPECTED, ABSENT, WALK_IN, EMERGENCY)}
        for number, name in enumerate((ABSENT, *EXPECTED)):
            begins = first + timedelta(minutes=30 * number)
            make_appointment(doctor_id=doctor.id, patient_id=patients[name].id, starts_at=begins)
        test = db.session.scalars(sa.select(LabTest).where(LabTest.code == "DGD")).one()
        facts = {
            "patients": {name: f"{HOME}/patients/{patient.id}" for name, patient in patients.items()},
            "wall": f"{HOME}/screen/{create_screen(ACTOR, 'Sảnh chờ', None)}",
            "test": test.id,
            "test_name": test.name,
        }
    yield facts
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET timezone = 'Asia/Ho_Chi_Minh'")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_twelve_patients_pass_through_an_outpatient_day(
    scripts: bool,
    morning: dict[str, Any],
    bound: Callable[[str], Any],
    alpha: str,
    open_browser: Callable[..., Watched],
) -> None:
    def somebody(username: str, first_page: str = "today") -> Watched:
        browser = open_browser(DESKTOP, java_script_enabled=scripts)
        _sign_in(browser, "alpha", username, first_page)
        return browser

    desk, nurse, doctor = (somebody(name) for name in ("desk", "nurse", "doctor"))
    wall = open_browser(WALL, java_script_enabled=scripts)
    wall.go(morning["wall"])

    for name in EXPECTED:
        desk.open(f"{HOME}/today")
        act(row(desk, name).get_by_role("button", name=vi("Check in")))
    desk.open(f"{HOME}/today")
    desk.look("day-desk")
    morning["patients"][BY_CARD] = register_by_card(desk)
    receive(desk, morning["patients"][BY_CARD])
    receive(desk, morning["patients"][WALK_IN])
    receive_emergency(desk, morning["patients"][EMERGENCY])

    present = (EMERGENCY, *EXPECTED, BY_CARD, WALK_IN)
    for name in present:
        measure(nurse, morning["patients"][name], ILL if name == EMERGENCY else WELL)
    nurse.open(f"{morning['patients'][EMERGENCY]}/vitals")
    assert "NEWS2" in nurse.page.inner_text("main")
    nurse.look("day-emergency-measured", full=True)

    called = call_next(doctor)
    show(wall, called, scripts=scripts)
    wall.look("day-wall")
    for number, name in enumerate(present):
        consult(doctor, name, morning, orders=number == 1, prescribes=number == 2)
    doctor.open(f"{HOME}/today")
    doctor.look("day-doctor")
    act(row(desk_today(desk), ABSENT).get_by_role("link", name=vi("Visit"), exact=True))
    _confirm(desk, vi("Did not come"), vi("Yes, did not come"))

    examine(somebody("lab.first", "laboratory"), somebody("lab.second", "laboratory"), morning)
    doctor.open(f"{HOME}/results")
    doctor.look("day-results")
    doctor.press(vi("I have reviewed it"))
    assert vi("No results wait for you") in doctor.page.inner_text("main")

    chief = somebody("chief")
    chief.open(f"{HOME}/reports")
    chief.press(vi("Count again now"))
    wait_until(lambda: has_counted(chief), "the day's figures are counted")
    chief.look("day-report", full=True)
    with bound(alpha):
        states = Counter(db.session.scalars(sa.select(Appointment.status)))
        signed = sa.select(sa.func.count(MedicalRecord.id)).where(MedicalRecord.status == RecordStatus.SIGNED)
        assert states == {AppointmentStatus.COMPLETED: 11, AppointmentStatus.NO_SHOW: 1}
        assert db.session.scalar(signed) == 11
    assert not [name for name in (*present, ABSENT) if name in wall.page.content()], "numbers only"


def row(browser: Watched, name: str) -> Locator:
    return browser.page.locator("tr", has_text=name).first


def act(what: Locator) -> None:
    """Press something that leads to another page, which is looked at elsewhere."""
    with what.page.expect_navigation():
        what.click()


def register_by_card(desk: Watched) -> str:
    desk.open(f"{HOME}/patients/new")
    desk.page.locator("#scan").fill(CARD)
    desk.page.locator("#scan").press("Enter")
    wait_until(lambda: desk.page.locator("#cccd").input_value() == "001184000123", "the card is read")
    desk.look("day-registering", full=True)
    desk.press(vi("Register"))
    return urlsplit(desk.page.url).path


def receive(desk: Watched, patient: str) -> None:
    """Book who stands at the desk into the next free time of today, and check them in."""
    desk.open(f"{patient}/walk-in")
    choose_department(desk)
    desk.page.locator("input[name=slot]").first.check(force=True)
    desk.page.locator("#reason").fill("Đau đầu")
    desk.look("day-walk-in", full=True)
    act(desk.page.locator("main form button[type=submit]").last)


def choose_department(desk: Watched) -> None:
    department = desk.page.locator("select[name=department]")
    if department.count() and not desk.page.locator("input[name=slot]").count():
        department.select_option(label="Khoa Nội tổng quát")
        act(desk.page.locator("main form[method=get] button").first)


def receive_emergency(desk: Watched, patient: str) -> None:
    desk.open(f"{patient}/emergency")
    desk.page.locator("select[name=department]").select_option(label="Khoa Nội tổng quát")
    desk.page.locator("select[name=doctor]").select_option(label="Bác sĩ Alpha")
    desk.page.locator("#reason").fill("Khó thở, sốt cao")
    desk.look("day-emergency", full=True)
    act(desk.page.get_by_role("button", name=vi("Receive as an emergency")))


def measure(nurse: Watched, patient: str, values: dict[str, str]) -> None:
    nurse.open(f"{patient}/vitals/new")
    for field, value in values.items():
        nurse.page.locator(f"#{field}").fill(value)
    act(nurse.page.get_by_role("button", name=vi("Save"), exact=True))


def call_next(doctor: Watched) -> str:
    """Call whoever is next, and return the number."""
    doctor.open(f"{HOME}/queue")
    doctor.page.locator("#room").fill(ROOM)
    doctor.press(vi("Call next"))
    return doctor.page.locator(".ticket-code").first.inner_text()


def show(wall: Watched, number: str, *, scripts: bool) -> None:
    if not scripts:
        wall.page.reload()
    wall.page.get_by_text(number).first.wait_for()
    wall.page.get_by_text(ROOM).first.wait_for()


def consult(doctor: Watched, name: str, morning: dict[str, Any], *, orders: bool, prescribes: bool) -> None:
    doctor.open(f"{HOME}/today")
    act(row(doctor, name).get_by_role("button", name=vi("Start consultation")))
    doctor.page.get_by_label(vi("Assessment"), exact=True).fill("Viêm mũi họng cấp")
    _find(doctor, vi("Find a diagnosis (ICD-10)"), "viem mui hong cap", "find-diagnosis")
    doctor.page.get_by_role("button", name=vi("Add %(code)s", code="J00")).click()
    doctor.page.get_by_role("rowheader", name="J00").wait_for()
    if orders:
        doctor.page.get_by_text(vi("Order tests"), exact=True).click()
        doctor.page.locator(f"#lab-test-{morning['test']}").check()
        doctor.press(vi("Place the order"))
        doctor.look("day-consultation", full=True)
    if prescribes:
        prescribe(doctor)
    _confirm(doctor, vi("Sign the record"), vi("Yes, sign now"))


def prescribe(doctor: Watched) -> None:
    _find(doctor, vi("Find a medicine"), "Paracetamol 500 mg", "find-medicine")
    doctor.page.get_by_role("radio", name=re.compile("Paracetamol.*500 mg")).first.check()
    for label, value in ((vi("Dose"), "1"), (vi("Times a day"), "3"), (vi("Days"), "5")):
        doctor.page.get_by_label(label, exact=True).fill(value)
    doctor.page.get_by_role("button", name=vi("Add to prescription")).click()
    doctor.page.get_by_role("button", name=re.compile(vi("Remove %(what)s", what="Paracetamol"))).wait_for()


def desk_today(desk: Watched) -> Watched:
    desk.open(f"{HOME}/today")
    return desk


def examine(first: Watched, second: Watched, morning: dict[str, Any]) -> None:
    """Collect, enter and verify what was ordered, by two people."""
    first.open(f"{HOME}/laboratory?work=collect")
    act(first.page.get_by_role("link", name=vi("Collect"), exact=False).last)
    act(first.page.get_by_role("button", name=vi("Note as collected")))
    first.open(f"{HOME}/laboratory?work=enter")
    act(first.page.get_by_role("link", name=vi("Enter results"), exact=False).last)
    first.fill("Natri", "140")
    first.fill("Kali", "4,1")
    first.fill("Clo", "101")
    first.look("day-laboratory", full=True)
    act(first.page.get_by_role("button", name=vi("Save for verification")))
    second.open(f"{HOME}/laboratory?work=verify")
    act(second.page.get_by_role("link", name=morning["test_name"], exact=False).last)
    act(second.page.get_by_role("button", name=vi("Verify"), exact=True))


def has_counted(chief: Watched) -> bool:
    chief.open(f"{HOME}/reports")
    words = chief.page.inner_text("main")
    return bool(re.search(r"\b12\b", words) and re.search(r"\b11\b", words))
