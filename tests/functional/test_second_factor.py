"""Setting up an authenticator app and a passkey in a real browser, and signing in with the passkey alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi
from tests.support.authenticator import code_of

pytestmark = pytest.mark.browser

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_an_app_is_set_up_and_a_passkey_signs_in(
    site: str, bound: Callable[[str], Any], alpha: str, open_browser: Callable[..., Watched]
) -> None:
    with bound(alpha):
        make_staff("nurse", username="novice", enrolled=False)
    browser = open_browser(DESKTOP)
    _plug_in(browser)
    portal = f"{site.replace('127.0.0.1', 'localhost')}/h/alpha/hospital"  # browsers keep no passkey for a number

    _give_password(browser, portal)
    browser.look("second-factor-new")
    _show_app_code(browser)
    browser.press(vi("Confirm and go on"))
    assert browser.page.locator(".recovery-codes li").count() == 10
    browser.look("recovery-codes")
    with browser.page.expect_download() as saved:
        browser.page.get_by_role("link", name=vi("Save as a text file")).click()
    assert len(saved.value.path().read_text().split()) == 10
    browser.follow(vi("I have kept them, go on"))

    browser.go(f"{portal}/account")
    browser.page.get_by_role("link", name=vi("Add a passkey")).first.click()
    browser.page.get_by_label(vi("Name of the passkey"), exact=True).fill("Máy trực")
    browser.press(vi("Add a passkey"))
    assert browser.says("Máy trực")
    browser.look("account", full=True)

    browser.press(vi("Sign out"))
    browser.look("sign-in-with-passkey")
    browser.press(vi("Sign in with a passkey"))
    browser.page.wait_for_url(f"{portal}/today")

    browser.press(vi("Sign out"))
    _give_password(browser, portal)
    browser.look("second-factor")
    browser.press(vi("Use a passkey"))
    browser.page.wait_for_url(f"{portal}/today")


def test_an_app_is_set_up_on_a_phone_without_scripts(
    site: str, bound: Callable[[str], Any], alpha: str, open_browser: Callable[..., Watched]
) -> None:
    with bound(alpha):
        make_staff("nurse", username="novice", enrolled=False)
    browser = open_browser(PHONE, java_script_enabled=False)
    portal = f"{site}/h/alpha/hospital"
    _give_password(browser, portal)
    assert browser.page.get_by_role("button", name=re.compile(vi("Add a passkey"))).count() == 0
    _show_app_code(browser)
    browser.press(vi("Confirm and go on"))
    assert browser.page.locator(".recovery-codes li").count() == 10
    browser.follow(vi("I have kept them, go on"))
    browser.page.wait_for_url(f"{portal}/today")


def _plug_in(browser: Watched) -> None:
    """Give the browser an authenticator that agrees to everything."""
    session = browser.page.context.new_cdp_session(browser.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def _give_password(browser: Watched, portal: str) -> None:
    browser.go(f"{portal}/sign-in")
    browser.fill(vi("Sign-in name"), "novice")
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))


def _show_app_code(browser: Watched) -> None:
    key = browser.page.locator("[data-key]").text_content()
    browser.fill(vi("Six-digit code"), code_of(key or ""))
