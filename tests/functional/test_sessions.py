"""A browser that is lost is signed out from another one; what was asked again goes on with what was typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.identity.models import StaffSession
from tests.factories import make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi
from tests.support.authenticator import forget_used_codes

pytestmark = pytest.mark.browser

TODAY = "/h/alpha/hospital/today"
ACCOUNT = "/h/alpha/hospital/account"


@pytest.fixture
def doctor(bound: Callable[[str], Any], alpha: str) -> None:
    with bound(alpha):
        make_staff("doctor", username="doctor", full_name="Bác sĩ Alpha")


def test_a_lost_phone_is_signed_out_from_the_desk(
    app: Flask, doctor: None, open_browser: Callable[..., Watched], bound: Callable[[str], Any], alpha: str
) -> None:
    desk, phone = open_browser(), open_browser(PHONE)
    for browser in (desk, phone):
        _sign_in(browser)
        forget_used_codes(app, TODAY)
    with bound(alpha):  # long enough ago that ending another browser asks for the password again
        db.session.execute(sa.update(StaffSession).values(proven_at=clock.now() - timedelta(hours=1)))
    phone.go(ACCOUNT)
    phone.look("browsers-phone", full=True)
    desk.go(ACCOUNT)
    assert desk.says(vi("This browser"))
    desk.look("browsers", full=True)
    desk.press(vi("Sign out there"))
    desk.look("confirm", full=True)
    desk.fill(vi("Your password"), PASSWORD)
    desk.press(vi("Confirm and go on"))
    assert desk.says(vi("The browser is signed out."))
    phone.open(TODAY)
    assert "/sign-in" in phone.page.url
    desk.open(TODAY)
    assert desk.page.url.endswith(TODAY)


def _sign_in(browser: Watched) -> None:
    browser.go("/h/alpha/hospital/sign-in")
    browser.fill(vi("Sign-in name"), "doctor")
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
    browser.page.wait_for_url(f"**{TODAY}")
