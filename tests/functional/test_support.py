"""An operator is let into a hospital for some hours, looks, and is out as soon as the hospital says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise
from app.domain.support.carrying import carry_requests
from app.tenancy.models import OperatorRole
from tests.factories import make_staff
from tests.factories.people import PASSWORD, make_operator
from tests.functional.conftest import PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

HOSPITAL = "/h/alpha/hospital"


@pytest.mark.parametrize("shape", [{}, PHONE], ids=["desk", "phone"])
def test_support_looks_in_on_the_hospitals_word(
    app: Flask, open_browser: Callable[..., Watched], bound: Callable[[str], Any], alpha: str, shape: dict[str, Any]
) -> None:
    with app.app_context(), unit_of_work():
        make_operator("ho.tro", OperatorRole.SUPPORT)
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Quản trị Alpha")
    name = "phone" if shape else "desk"
    operator, administrator = open_browser(shape) if shape else open_browser(), open_browser()
    if shape:
        administrator = open_browser(PHONE)
    _sign_in(operator, "/admin", "ho.tro")
    operator.go(f"/admin/hospitals/{alpha}/support")
    operator.look(f"support-ask-{name}", full=True)
    operator.fill(vi("Reason"), "Không in được đơn thuốc tại quầy 2")
    operator.press(vi("Ask the hospital"))
    _carry(app)

    _sign_in(administrator, HOSPITAL, "quan.tri")
    administrator.go(f"{HOSPITAL}/support")
    administrator.look(f"support-requests-{name}", full=True)
    administrator.follow("Vận hành Thử")
    administrator.page.get_by_label(vi("Find patients and see who they are")).check()
    administrator.look(f"support-answer-{name}", full=True)
    administrator.press(vi("Let support in"))
    _carry(app)

    operator.go("/admin/support")
    operator.look(f"support-own-{name}", full=True)
    operator.press(vi("Enter"))
    operator.look(f"support-enter-{name}", full=True)
    operator.press(vi("Enter now"))
    operator.look(f"support-inside-{name}", full=True)
    operator.go(f"{HOSPITAL}/search")
    assert operator.page.get_by_text("Quyền hỗ trợ có hiệu lực").is_visible()

    administrator.page.reload()
    administrator.look(f"support-looked-{name}", full=True)
    assert administrator.says(f"{HOSPITAL}/search".removeprefix("/h/alpha"))
    administrator.page.locator("summary", has_text=vi("End support access")).click()
    administrator.press(vi("Yes, end it"))
    operator.open(f"{HOSPITAL}/search")
    assert "/sign-in" in operator.page.url


def _carry(app: Flask) -> None:
    """Do what the jobs do, without waiting for their next turn."""
    with app.app_context():
        carry_requests("alpha")
        synchronise("alpha")


def _sign_in(browser: Watched, portal: str, username: str) -> None:
    browser.go(f"{portal}/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
