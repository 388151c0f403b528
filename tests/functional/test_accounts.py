"""Inviting, a sheet of paper for a patient, and a forgotten password, in real browsers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.identity.operators import invite_operator
from app.tenancy.models import OperatorRole
from tests.factories import make_patient, make_staff
from tests.factories.people import PASSWORD, make_operator
from tests.functional.conftest import DESKTOP, PHONE, wait_until
from tests.functional.pages import Watched
from tests.functional.sink import MailSink
from tests.functional.words import vi
from tests.support.authenticator import forget_used_codes
from tests.support.platform import ACTOR

pytestmark = pytest.mark.browser

STAFF = "/h/alpha/hospital/staff"
GOOD = "trang-len-dinh-nui-xanh"


@pytest.fixture
def people(bound: Callable[[str], Any], alpha: str) -> Any:
    with bound(alpha):
        make_staff("administrator", username="quantri", full_name="Quản Trị Alpha", email="quan.tri@alpha.example")
        for number in range(30):
            make_staff("nurse", username=f"dieuduong{number}", full_name=f"Điều Dưỡng Số {number}")
        return make_patient(full_name="Lê Thị Bông").id


def link_in(mail: MailSink, recipient: str, what: str) -> str:
    def found() -> str | None:
        texts = [letter.get_content() for letter in mail.to(recipient)]
        hits = [hit for text in texts if (hit := re.search(rf"https?://[^/\s]+(/\S*{what}/[\w-]+)", text))]
        return hits[-1][1] if hits else None

    return str(wait_until(found, f"a letter with {what} comes to {recipient}", 60))


def _sign_in(app: Flask, browser: Watched, url: str, username: str) -> None:
    forget_used_codes(app, url)
    browser.go(f"{url}/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_staff_are_found_invited_and_choose_a_password(
    app: Flask, people: Any, open_browser: Callable[..., Watched], mail: MailSink, shape: dict[str, Any]
) -> None:
    name = "phone" if shape is PHONE else "desktop"
    admin, new = open_browser(shape), open_browser(shape)
    _sign_in(app, admin, "/h/alpha/hospital", "quantri")
    admin.go(STAFF)
    admin.look(f"staff-index-{name}", full=True)
    admin.go(f"{STAFF}/new")
    admin.press(vi("Invite"))
    admin.look(f"staff-form-errors-{name}", full=True)
    admin.fill(vi("Full name"), "Nguyễn Thị Lan")
    admin.fill(vi("Sign-in name"), f"lan.{name}")
    admin.fill(vi("E-mail"), f"lan.{name}@alpha.example")
    admin.page.get_by_label("Điều dưỡng", exact=True).check()
    admin.press(vi("Invite"))
    assert admin.says("Nguyễn Thị Lan")
    admin.look(f"staff-show-{name}", full=True)
    admin.follow(vi("Working hours"))
    admin.look(f"staff-hours-{name}", full=True)
    new.go(link_in(mail, f"lan.{name}@alpha.example", "invitation"))
    new.fill(vi("New password"), "Password12345")
    new.press(vi("Set password"))
    new.look(f"invitation-refused-{name}", full=True)
    new.fill(vi("New password"), GOOD)
    new.press(vi("Set password"))
    assert new.says(vi("Your password is set. Sign in with it now."))


def test_a_patient_gets_in_with_a_sheet_of_paper(app: Flask, people: Any, open_browser: Callable[..., Watched]) -> None:
    desk, phone = open_browser(), open_browser(PHONE)
    _sign_in(app, desk, "/h/alpha/hospital", "quantri")
    desk.go(f"/h/alpha/hospital/patients/{people}/portal-access")
    desk.look("patient-access", full=True)
    desk.press(vi("Print a sheet"))
    desk.look("patient-sheet", full=True)
    code = desk.page.locator("strong").first.inner_text()
    phone.go("/h/alpha/patient/sign-in")
    phone.look("patient-sign-in-phone", full=True)
    phone.go("/h/alpha/patient/invitation")
    phone.look("patient-code-phone", full=True)
    phone.fill(vi("Code on the sheet"), code.lower())
    phone.press(vi("Go on"))
    phone.look("patient-invitation-phone", full=True)
    phone.fill(vi("New password"), "trang-len-xanh")
    phone.press(vi("Set password"))
    assert phone.says(vi("Your password is set. Sign in with it now."))


def test_an_operator_renews_a_forgotten_password(
    app: Flask, alpha: str, open_browser: Callable[..., Watched], mail: MailSink
) -> None:
    with app.app_context(), unit_of_work():
        make_operator(username="ops")
        invite_operator(
            ACTOR, username="moi", full_name="Người Mới", email="moi@vien.example", role=OperatorRole.SUPPORT
        )
    browser = open_browser()
    browser.go("/admin/sign-in")
    browser.follow(vi("Forgotten password"))
    browser.look("forgotten", full=True)
    browser.fill(vi("Sign-in name or e-mail address"), "ops")
    browser.press(vi("Send the link"))
    browser.look("forgotten-asked", full=True)
    browser.go(link_in(mail, "ops@vien.example", "reset"))
    browser.look("reset", full=True)
    browser.fill(vi("New password"), GOOD)
    browser.press(vi("Set password"))
    browser.fill(vi("Sign-in name"), "ops")
    browser.fill(vi("Password"), GOOD)
    browser.press(vi("Sign in"))
    browser.show_code()
    for shape, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
        browser.page.set_viewport_size(shape["viewport"])
        for path, picture in (
            ("/admin/operators", "operators"),
            ("/admin/operators/new", "operators-new"),
            ("/admin/account", "account"),
            ("/admin/account/password", "password"),
        ):
            browser.go(path)
            browser.look(f"{picture}-{name}", full=True)
        browser.go("/admin/operators?q=moi")
        browser.follow("Người Mới")
        browser.look(f"operator-{name}", full=True)
