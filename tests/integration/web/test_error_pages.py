"""Every error is one page: in the reader's language, with the request's number, and without what went wrong inside."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.integration.web.probe import SECRET
from tests.support.client import CheckingClient

REQUEST = "request-0123456789"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
TITLES = {
    "400": "This request could not be understood",
    "403": "You may not see this page",
    "404": "Page not found",
    "405": "This page cannot be used that way",
    "409": "This has changed in the meantime",
    "413": "This is too large",
    "422": "Please check what you entered",
    "429": "Too many attempts",
    "500": "Something went wrong",
    "503": "Temporarily unavailable",
}


@pytest.fixture
def browser(probe: Flask, alpha: str) -> CheckingClient:
    return probe.test_client()  # type: ignore[return-value]


def speak(browser: CheckingClient, locale: str) -> None:
    browser.submit("/h/alpha/hospital/locale", {"locale": locale}, page="/h/alpha/hospital/sign-in")


def ask(browser: CheckingClient, status: str, **headers: str) -> TestResponse:
    sent = {"X-Request-ID": REQUEST, **headers}
    if status == "405":
        return browser.post("/h/alpha/hospital/probe/only-get", headers=sent)
    if status == "413":
        return browser.post("/h/alpha/hospital/probe/form", data={"text": "x" * 1_100_000}, headers=sent)
    return browser.get(f"/h/alpha/hospital/probe/error/{status}", headers=sent)


@pytest.mark.parametrize("locale", ["vi", "en"])
@pytest.mark.parametrize("status", list(TITLES))
def test_an_error_page_speaks_the_readers_language_and_names_the_request(
    browser: CheckingClient, status: str, locale: str
) -> None:
    speak(browser, locale)
    response = ask(browser, status)
    html = response.get_data(as_text=True)
    assert response.status_code == int(status)
    assert f'<html lang="{locale}"' in html
    assert REQUEST in html
    assert response.headers["X-Request-ID"] == REQUEST
    assert (TITLES[status] in html) == (locale == "en")


@pytest.mark.parametrize("status", list(TITLES))
def test_htmx_gets_the_error_as_a_fragment(browser: CheckingClient, status: str) -> None:
    response = ask(browser, status, **HTMX)
    html = response.get_data(as_text=True)
    assert response.status_code == int(status)
    assert "<html" not in html
    assert REQUEST in html
    assert "error-page" in html


@pytest.mark.parametrize("kind", ["500", "stale"])
def test_nothing_of_the_inside_is_shown(browser: CheckingClient, kind: str) -> None:
    html = browser.get(f"/h/alpha/hospital/probe/error/{kind}").get_data(as_text=True)
    for told in (SECRET, "hunter2", "Error", "Traceback", "sqlalchemy", "probe.py"):
        assert told not in html


def test_a_version_that_is_gone_is_a_conflict(browser: CheckingClient) -> None:
    assert browser.get("/h/alpha/hospital/probe/error/stale").status_code == 409


@pytest.mark.parametrize("kind", ["410", "415"])
def test_a_rare_client_error_is_the_clients_not_ours(browser: CheckingClient, kind: str) -> None:
    assert browser.get(f"/h/alpha/hospital/probe/error/{kind}").status_code == 400


@pytest.mark.parametrize(("status", "seconds"), [("429", "7"), ("503", "15")])
def test_what_is_worth_trying_again_says_when(browser: CheckingClient, status: str, seconds: str) -> None:
    response = ask(browser, status)
    assert response.headers["Retry-After"] == seconds
    assert seconds in response.get_data(as_text=True)


def test_a_wrong_method_is_told_the_right_ones(browser: CheckingClient) -> None:
    assert "GET" in (ask(browser, "405").allow or ())


def test_who_is_not_signed_in_outside_every_portal_gets_a_page(app: Flask, client: CheckingClient) -> None:
    from app.core.errors import NotSignedIn
    from app.web.errors import _ask_to_sign_in

    with app.test_request_context("/elsewhere"):
        app.preprocess_request()
        response: Any = _ask_to_sign_in(NotSignedIn())
    assert response.status_code == 401
    assert "error-page" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/h/alpha/nowhere", "/h/alpha/hospital/nowhere", "/admin/nowhere", "/patient/x"]
)
def test_an_address_that_leads_nowhere_is_a_page_of_ours(client: CheckingClient, alpha: str, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "error-page" in response.get_data(as_text=True)


def test_a_missing_form_token_is_refused_with_a_page(client: CheckingClient, alpha: str) -> None:
    for locale, words in (("vi", "Biểu mẫu"), ("en", "This form has expired")):
        speak(client, locale)
        response = client.post("/h/alpha/hospital/sign-in", data={"username": "a", "password": "b"})
        html = response.get_data(as_text=True)
        assert response.status_code == 400
        assert words in html
        assert response.headers["X-Request-ID"] in html


def test_a_form_token_of_another_browser_is_refused(app: Flask, client: CheckingClient, alpha: str) -> None:
    other: CheckingClient = app.test_client()  # type: ignore[assignment]
    client.get("/h/alpha/hospital/sign-in")
    token = other.csrf_token("/h/alpha/hospital/sign-in")
    data = {"csrf_token": token, "username": "a", "password": "b"}
    assert client.post("/h/alpha/hospital/sign-in", data=data).status_code == 400


def test_a_form_token_of_another_portal_is_refused(client: CheckingClient, alpha: str) -> None:
    token = client.csrf_token("/admin/sign-in")
    client.get("/h/alpha/hospital/sign-in")
    data = {"csrf_token": token, "username": "a", "password": "b"}
    assert client.post("/h/alpha/hospital/sign-in", data=data).status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_no_method_that_writes_works_without_a_token(sign_in_staff: Any, alpha: str, method: str) -> None:
    browser = sign_in_staff("alpha", "doctor")
    response = getattr(browser, method)("/h/alpha/hospital/sign-out")
    assert response.status_code in (400, 405)
    assert browser.get("/h/alpha/hospital/sign-in").status_code == 303  # still signed in, so sent on


@pytest.mark.parametrize(
    "typed", ["a\x00b", "\ud800".encode("utf-8", "surrogatepass"), "x" * 5_000, "' OR 1=1 --", "%00"]
)
def test_odd_text_in_a_form_is_an_answer_not_a_fault(client: CheckingClient, alpha: str, typed: Any) -> None:
    response = client.submit("/h/alpha/hospital/sign-in", {"username": typed, "password": "x"})
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space 123", "a\u00e9bcdefgh", "<script>alert(1)</script>"])
def test_an_odd_request_id_is_replaced(client: CheckingClient, given: str) -> None:
    echoed = client.get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert echoed != given
    assert re.fullmatch(r"[0-9a-f-]{36}", echoed)
