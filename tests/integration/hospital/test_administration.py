"""The page of the administration: a card for each subject that the person may see, and no way in for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

URL = "/h/alpha/hospital/administration"


def test_the_administrator_finds_the_page_in_the_menu(sign_in_staff: Callable[..., Any], alpha: str) -> None:
    browser = sign_in_staff(alpha, "administrator")
    page = browser.get(URL).get_data(as_text=True)
    assert f'href="{URL}" aria-current="page"' in page
    assert "/h/alpha/hospital/data-safety" in page
    below = browser.get("/h/alpha/hospital/data-safety").get_data(as_text=True)
    assert f'href="{URL}" aria-current="page"' in below


def test_who_has_no_card_there_is_refused_and_has_no_entry(sign_in_staff: Callable[..., Any], alpha: str) -> None:
    browser = sign_in_staff(alpha, "doctor")
    assert browser.get(URL).status_code == 403
    assert URL not in browser.get("/h/alpha/hospital/today").get_data(as_text=True)
