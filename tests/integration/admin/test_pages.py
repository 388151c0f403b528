"""Who may see which page of the operators' portal, and that each is a page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.tenancy.models import OperatorRole
from tests.support.client import CheckingClient

SignIn = Callable[..., CheckingClient]

EVERYBODY = frozenset(OperatorRole)
BUILDERS = frozenset({OperatorRole.SUPER_ADMIN, OperatorRole.TECHNICIAN})
PAGES = [
    ("/admin/hospitals", EVERYBODY),
    ("/admin/hospitals?q=alpha&state=up", EVERYBODY),
    ("/admin/hospitals/new", BUILDERS),
    ("/admin/hospitals/alpha", EVERYBODY),
    ("/admin/operations", EVERYBODY),
    ("/admin/sync", EVERYBODY),
    ("/admin/audit", frozenset({OperatorRole.SUPER_ADMIN})),
    ("/admin/audit?hospital=alpha", frozenset({OperatorRole.SUPER_ADMIN})),
    ("/admin/components", BUILDERS),
]


@pytest.mark.parametrize("role", list(OperatorRole))
@pytest.mark.parametrize(("url", "allowed"), PAGES)
def test_a_page_opens_for_who_may_see_it_and_for_nobody_else(
    sign_in_operator: SignIn, role: OperatorRole, url: str, allowed: frozenset[OperatorRole]
) -> None:
    browser = sign_in_operator(role)
    assert browser.get(url).status_code == (200 if role in allowed else 403)


@pytest.mark.parametrize("url", [url for url, _ in PAGES])
def test_who_is_not_signed_in_is_asked_to(client: CheckingClient, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 303
    assert "/admin/sign-in" in response.headers["Location"]


@pytest.mark.parametrize("act", ["suspend", "resume"])
def test_support_may_do_nothing_to_a_hospital(sign_in_operator: SignIn, act: str) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    assert browser.submit(f"/admin/hospitals/alpha/{act}", page="/admin/hospitals").status_code == 403


@pytest.mark.parametrize(
    "url", ["/admin/hospitals/nowhere", "/admin/hospitals/NOT%00A-CODE", "/admin/audit?hospital=x"]
)
def test_an_unknown_hospital_is_not_found(sign_in_operator: SignIn, url: str) -> None:
    assert sign_in_operator().get(url).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "/admin/hospitals?page=-1",
        "/admin/hospitals?page=99999999",
        "/admin/sync?page=x",
        "/admin/hospitals?q=%00&state=nonsense",
    ],
)
def test_a_meddled_address_still_shows_the_list(sign_in_operator: SignIn, url: str) -> None:
    assert sign_in_operator().get(url).status_code == 200


@pytest.mark.parametrize("url", ["/admin/hospitals", "/admin/hospitals/alpha", "/admin/sync", "/admin/audit"])
def test_htmx_gets_the_content_alone(sign_in_operator: SignIn, url: str) -> None:
    page = sign_in_operator().get(url, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "<html" not in page
    assert "<h1" in page


def test_a_list_says_so_in_english_too(sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    browser.submit("/admin/locale", {"locale": "en"}, page="/admin/hospitals")
    page = browser.get("/admin/hospitals").get_data(as_text=True)
    assert "The worst first." in page
    assert 'lang="en"' in page


def test_an_operator_signs_out_and_is_out(sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    assert browser.submit("/admin/sign-out", page="/admin/hospitals").status_code == 303
    assert browser.get("/admin/hospitals").status_code == 303
