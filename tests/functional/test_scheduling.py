"""The plan of the day in a real browser: booked by keyboard alone, without scripts, on a phone; and its settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import AppointmentType
from app.domain.organisation.models import Holiday, Room
from tests.factories import make_appointment, make_patient, make_schedule, make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

HOME, ZONE = "/h/alpha/hospital", ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def plan(bound: Callable[[str], Any], alpha: str) -> dict[str, str]:
    """Two doctors with rooms and visits tomorrow, a patient to book for; returns addresses."""
    tomorrow = clock.today(ZONE) + timedelta(days=1)
    with bound(alpha):
        make_staff("receptionist", username="tiep.don", full_name="Tiếp đón Alpha")
        make_staff("administrator", username="quan.tri", full_name="Quản trị Alpha")
        room = Room(code="P101", name="Phòng 101", floor="1")
        db.session.add_all([room, AppointmentType(code="SOI", name="Nội soi", minutes=45, daily_capacity=6)])
        db.session.add(Holiday(day=tomorrow + timedelta(days=3), name="Nghỉ bù"))
        db.session.flush()
        first = make_staff("doctor", full_name="Nguyễn Thị Hạnh", licence_number="001/HN-CCHN")
        second = make_staff("doctor", full_name="Trần Quốc Bảo", licence_number="002/HN-CCHN")
        make_schedule(first.id, room_id=room.id, overbook_max=1, ends=time(11))
        make_schedule(second.id, starts=time(8), ends=time(11), capacity=2)
        for number, name in enumerate(("Lê Thị Hồng Nhung", "Phạm Văn Đức", "Vũ Hoàng Yến")):
            starts_at = clock.now().astimezone(ZONE).replace(hour=8 + number, minute=0, second=0, microsecond=0)
            make_appointment(
                doctor_id=first.id, patient_id=make_patient(full_name=name).id, starts_at=starts_at + timedelta(days=1)
            )
        patient = make_patient(full_name="Đỗ Minh Khôi")
        return {
            "day": f"{HOME}/schedule?day={tomorrow:%d/%m/%Y}",
            "week": f"{HOME}/schedule?day={tomorrow:%d/%m/%Y}&view=week&doctor={first.id}",
            "patient": f"{HOME}/patients/{patient.id}",
            "hours": f"{HOME}/staff/{first.id}/hours",
        }


@pytest.mark.parametrize(
    ("shape", "scripts"), [(DESKTOP, True), (PHONE, True), (DESKTOP, False)], ids=["desk", "phone", "without-scripts"]
)
def test_a_free_time_of_the_plan_is_booked_by_keyboard(
    open_browser: Callable[..., Watched], plan: dict[str, str], shape: dict[str, Any], scripts: bool
) -> None:
    name = "phone" if shape is PHONE else "desk"
    desk = open_browser(shape, java_script_enabled=scripts)
    sign_in(desk, "tiep.don")
    desk.open(plan["day"])
    desk.look(f"schedule-day-{name}")
    free = desk.page.locator(".plan__free a").first
    free.focus()
    free.press("Enter")
    desk.page.get_by_role("heading", name=vi("For whom?")).wait_for()
    desk.page.locator("main #patient-search").fill("do minh khoi")
    desk.page.locator("main #patient-search").press("Enter")
    desk.page.locator(".pick a").first.wait_for()
    desk.look(f"schedule-for-whom-{name}")
    desk.page.locator(".pick a").first.press("Enter")
    desk.page.locator("#reason").fill("Ho, sốt")
    desk.look(f"schedule-booking-{name}", full=True)
    desk.page.locator("main").get_by_role("button", name=vi("Book"), exact=True).press("Enter")
    desk.page.get_by_role("link", name=vi("Move to another time")).wait_for()
    desk.look(f"visit-{name}")
    desk.open(plan["week"])
    desk.look(f"schedule-week-{name}")


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_urgent_pages_series_and_settings_can_be_used_by_everybody(
    open_browser: Callable[..., Watched], plan: dict[str, str], shape: dict[str, Any]
) -> None:
    name = "phone" if shape is PHONE else "desk"
    desk, chief = open_browser(shape), open_browser(shape)
    sign_in(desk, "tiep.don")
    for page in ("walk-in", "emergency", "series/new", "visits/new"):
        desk.open(f"{plan['patient']}/{page}")
        desk.look(f"booking-{page.replace('/', '-')}-{name}", full=True)
    sign_in(chief, "quan.tri")
    pages = {page: f"{HOME}/{page}" for page in ("departments", "rooms", "visit-types", "opening-hours", "schedules")}
    for page, address in (pages | {"hours": plan["hours"]}).items():
        chief.open(address)
        chief.look(f"settings-{page}-{name}", full=True)


def sign_in(who: Watched, username: str) -> None:
    who.go(f"{HOME}/sign-in")
    who.fill(vi("Sign-in name"), username)
    who.fill(vi("Password"), PASSWORD)
    who.press(vi("Sign in"))
    who.show_code()
