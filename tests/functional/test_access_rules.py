"""Refusing an address: the patient's browser is out at its next click, and in again when the rule is taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import make_patient, make_patient_user, make_staff
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

OWN = "/h/alpha/hospital/gateway?portal=patient"


def sign_in(browser: Watched, url: str, label: str, name: str) -> None:
    browser.go(url)
    browser.fill(label, name)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_address_is_refused_and_let_in_again(
    alpha: str, bound: Callable[[str], Any], open_browser: Callable[..., Watched], scripts: bool
) -> None:
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Lê Thị Quản Trị")
        patient = make_patient(full_name="Trần Thị Đào")
        make_patient_user(patient)
        cccd = patient.cccd
    desk, phone = open_browser(DESKTOP, java_script_enabled=scripts), open_browser(PHONE, java_script_enabled=scripts)
    sign_in(desk, "/h/alpha/hospital/sign-in", vi("Sign-in name"), "quan.tri")
    desk.show_code()
    sign_in(phone, "/h/alpha/patient/sign-in", vi("CCCD or phone number"), cccd)

    desk.go(OWN)
    desk.fill(vi("Address or network"), "127.0.0.1")
    desk.fill(vi("Reason"), "Dò mật khẩu")
    desk.press(vi("Add rule"))
    assert desk.says("127.0.0.1/32")
    desk.look("access-rules", full=True)
    phone.go("/h/alpha/patient/")
    assert phone.says(vi("Access from your network is not allowed"))
    desk.go(f"{OWN}&address=127.0.0.1")
    assert desk.says("127.0.0.1 bị từ chối.")
    desk.go(OWN)
    desk.press(vi("Take away"))
    phone.go("/h/alpha/patient/")
    assert not phone.page.get_by_text(vi("Access from your network is not allowed")).is_visible()
    assert phone.page.get_by_role("button", name=vi("Sign out")).first.is_visible(), "the session has outlived the rule"
    assert desk.faults == phone.faults == []
