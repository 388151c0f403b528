"""One's own account page, in every portal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.client import CheckingClient

SignIn = Callable[..., CheckingClient]


def test_the_header_leads_to_ones_own_account(
    alpha: str, sign_in_staff: SignIn, sign_in_patient: SignIn, sign_in_operator: SignIn
) -> None:
    for browser, home, account in (
        (sign_in_staff(alpha, "receptionist"), "/h/alpha/hospital/today", "/h/alpha/hospital/account"),
        (sign_in_patient(alpha), "/h/alpha/patient/home", "/h/alpha/patient/account"),
        (sign_in_operator(), "/admin/hospitals", "/admin/account"),
    ):
        assert f'href="{account}"' in browser.get(home, follow_redirects=True).get_data(as_text=True)
        page = browser.get(account)
        assert page.status_code == 200
        assert "Tài khoản của bạn" in page.get_data(as_text=True)


def test_nobody_sees_an_account_without_signing_in(client: CheckingClient, alpha: Any) -> None:
    for url in ("/h/alpha/hospital/account", "/h/alpha/patient/account", "/admin/account"):
        assert client.get(url).status_code == 303
