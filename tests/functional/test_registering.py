"""The desk scans a card, is told while typing who may be the same, joins two registrations and parts them again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.domain.patients.models import Sex
from tests.factories import make_patient, make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

HOME = "/h/alpha/hospital"
CARD = "001184000123||Đặng Thị Ngọc|15031984|Nữ|12 Lê Lợi, Phường Cửa Nam, Hà Nội|01012021"


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_desk_registers_by_card_and_joins_what_was_there_twice(
    open_browser: Callable[..., Watched], bound: Callable[[str], Any], alpha: str, shape: dict[str, Any]
) -> None:
    with bound(alpha):
        make_staff("receptionist", username="tiep.don", full_name="Tiếp đón Alpha")
        known = make_patient(
            full_name="Đặng Thị Ngọc", born_on=date(1984, 3, 15), sex=Sex.FEMALE, cccd=None, phone="+84912345678"
        )
        known_url, code = f"{HOME}/patients/{known.id}", known.code
    name = "phone" if shape is PHONE else "desk"
    desk = open_browser(shape)
    sign_in(desk, "tiep.don")

    desk.go(f"{HOME}/patients/new")
    desk.page.locator("#scan").fill(CARD)
    desk.page.locator("#scan").press("Enter")
    desk.page.locator("#similar").get_by_text(vi("Same name and date of birth")).wait_for()
    assert desk.page.locator("#cccd").input_value() == "001184000123"
    desk.look(f"registering-card-{name}", full=True)
    desk.page.locator("#full_name").fill("Lê Văn Khác")
    desk.page.locator("#born_on").fill("01012001")
    desk.page.locator("#phone").fill("0912345678")
    desk.page.locator("#phone").blur()
    desk.page.locator("#similar").get_by_text(vi("Same telephone, perhaps of the family")).wait_for()
    desk.page.locator("#full_name").fill("Đặng Thị Ngọc")
    desk.page.locator("#born_on").fill("15031984")
    desk.press(vi("Register"))
    desk.look(f"registering-asks-{name}", full=True)
    desk.press(vi("No, this is somebody else: register"))
    second_url = desk.page.url.split("?")[0]
    desk.look(f"patient-{name}", full=True)

    desk.go(f"{second_url}/merge?into={code}")
    desk.look(f"merge-{name}", full=True)
    desk.press(vi("Join them"))
    assert desk.page.url.endswith(known_url)
    desk.go(f"{known_url}/merge")
    desk.page.get_by_text(vi("Part again"), exact=True).click()
    desk.look(f"unmerge-{name}", full=True)
    desk.press(vi("Part them"))
    assert desk.page.url == second_url

    for page in ("relations", "state", "photo"):
        desk.go(f"{second_url}/{page}")
        desk.look(f"patient-{page}-{name}", full=True)
    desk.open(f"{second_url}/state")
    desk.page.locator("#died_on").fill("01012026")
    desk.press(vi("Write it down"))
    desk.go(second_url)
    assert desk.says(vi("This patient has died"))


def test_the_administrator_tries_rules_before_they_hold(
    open_browser: Callable[..., Watched], bound: Callable[[str], Any], alpha: str
) -> None:
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Quản trị Alpha")
        make_patient(phone=None)
    chief = open_browser()
    sign_in(chief, "quan.tri")
    chief.go(f"{HOME}/form-rules")
    chief.page.locator("#schema").fill('{"required": ["phone"], "x-message": "Cần số điện thoại"}')
    chief.press(vi("Try the rules"))
    assert chief.says("Cần số điện thoại")
    chief.look("form-rules-desk", full=True)
    chief.press(vi("Put in place"))
    assert chief.says(vi("The rules hold for whatever is saved from now on."))


def sign_in(browser: Watched, username: str) -> None:
    browser.go(f"{HOME}/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
