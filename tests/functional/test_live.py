"""Open pages follow what happens: a check-in in one browser changes the boards in two others, the wall and a phone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core import clock
from app.domain.appointments.visits import check_in
from app.domain.queueing.models import Priority
from app.domain.queueing.screens import create_screen
from app.domain.queueing.tickets import call_next
from tests.factories import make_appointment, make_patient, make_patient_user, make_staff
from tests.factories.people import PASSWORD, department_id
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi
from tests.support.platform import ACTOR, Platform

pytestmark = pytest.mark.browser

QUEUE = "/h/alpha/hospital/queue"
WALL = {"viewport": {"width": 1920, "height": 1080}}
SOON = 5_000  # milliseconds: pages that ask by themselves need four times as long
ARRIVING = "Phạm Thị Sen"


@pytest.fixture
def morning(platform: Platform, bound: Callable[[str], Any], alpha: str, beta: str) -> Iterator[dict[str, Any]]:
    """A waiting room with six people, two of them called, and one who is about to arrive.

    The platform's own processes, which run here, hand notices down to the other hospital, too.
    """
    offset = (9 - datetime.now(UTC).hour + 12) % 24 - 12
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET timezone = %s", (f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT",))
    with platform.app.app_context():
        platform.app.extensions["tenancy"].registry.forget()
    with bound(alpha):
        doctor = make_staff("doctor", username="doctor", full_name="Bác sĩ Alpha")
        for role, name in (("nurse", "nurse"), ("receptionist", "desk")):
            make_staff(role, username=name, full_name=f"{name.title()} Alpha")
        names = ("Lê Văn An", "Trần Thị Bình", "Võ Minh Châu", "Đỗ Thu Dung", "Hồ Văn Em", "Bùi Thị Gấm")
        for number, name in enumerate(names):
            patient = make_patient(full_name=name)
            visit = make_appointment(doctor_id=make_staff("doctor").id, patient_id=patient.id)
            check_in(ACTOR, visit.id, visit.version, Priority.PREFERRED if number == 4 else Priority.ORDINARY)
        call_next(ACTOR, department_id(), "Phòng 12")
        call_next(ACTOR, department_id(), "Phòng 3")
        patient = make_patient(full_name=ARRIVING)
        make_patient_user(patient)
        visit = make_appointment(doctor_id=doctor.id, patient_id=patient.id, starts_at=clock.now())
        facts = {"cccd": patient.cccd, "token": create_screen(ACTOR, "Sảnh chờ tầng 1", None), "visit": str(visit.id)}
    yield facts
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET timezone = 'Asia/Ho_Chi_Minh'")


def sign_in(browser: Watched, username: str) -> None:
    browser.go("/h/alpha/hospital/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()


def is_followed(browser: Watched) -> None:
    """Wait until the page says that a stream keeps it current."""
    browser.page.get_by_text(vi("Kept current as things happen")).first.wait_for()


def open_without_streams(browser: Watched, path: str) -> None:
    """Open a page whose streams never come, and whose clock the test puts forward."""
    browser.page.route("**/live?**", lambda route: route.abort())
    browser.page.clock.install()
    browser.go(path)


def test_a_check_in_changes_two_boards_the_wall_and_the_patients_phone(
    morning: dict[str, Any], open_browser: Callable[..., Watched]
) -> None:
    nurse, doctor, desk = open_browser(DESKTOP), open_browser(DESKTOP), open_browser(DESKTOP)
    wall, phone = open_browser(WALL), open_browser(PHONE)
    for browser, name in ((nurse, "nurse"), (doctor, "doctor"), (desk, "desk")):
        sign_in(browser, name)
    alone = Watched(doctor.page.context.new_page(), javascript=True)  # a code of the app signs in once
    open_without_streams(alone, f"{QUEUE}?whose=all")
    nurse.go(QUEUE)
    doctor.go(f"{QUEUE}?whose=all")
    wall.go(f"/h/alpha/hospital/screen/{morning['token']}")
    for browser in (nurse, doctor, wall):
        is_followed(browser)
    assert nurse.page.get_by_text("NOI 007").count() == 0

    began = time.perf_counter()
    desk.go(f"/h/alpha/hospital/visits/{morning['visit']}")
    desk.press(vi("Check in"))
    assert desk.says("NOI 007")
    for browser in (nurse, doctor):
        browser.page.get_by_text("NOI 007").first.wait_for(timeout=SOON)
        assert browser.says(ARRIVING)
    wall.page.get_by_text(vi("Waiting: %(waiting)s", waiting=5)).wait_for(timeout=SOON)
    doctor.page.locator("#bell .bell__count").wait_for(timeout=SOON)
    print(f"both boards followed {time.perf_counter() - began:.1f} s after the desk opened the visit")
    assert alone.page.get_by_text("NOI 007").count() == 0, "nobody told this page"
    alone.page.clock.fast_forward(21_000)
    alone.page.get_by_text("NOI 007").first.wait_for(timeout=SOON)
    nurse.look("live-queue-nurse")
    doctor.look("live-queue-doctor")

    phone.go("/h/alpha/patient/sign-in")
    phone.fill(vi("CCCD or phone number"), morning["cccd"])
    phone.fill(vi("Password"), PASSWORD)
    phone.press(vi("Sign in"))
    phone.go("/h/alpha/patient/queue")
    assert phone.says("NOI 007")
    phone.look("live-own-number")

    room = nurse.page.get_by_label(vi("Room"), exact=True)
    room.fill("Phòng 9")
    nurse.press(vi("Call next"))
    wall.page.get_by_text("Phòng 9").wait_for(timeout=SOON)
    wall.look("live-wall")
    nurse.page.locator(f"tr:has-text('{ARRIVING}')").get_by_role("button", name=vi("Call"), exact=True).click()
    phone.page.get_by_text(vi("Please come now to: %(room)s", room="Phòng 9")).wait_for(timeout=SOON)
    phone.look("live-called")
    doctor.go("/h/alpha/hospital/notifications")
    doctor.look("live-notifications")
    for name in (ARRIVING, "Lê Văn An"):
        assert name not in wall.page.content()
