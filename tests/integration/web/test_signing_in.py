"""Signing in: one answer to whoever is wrong, ever slower guesses, each code once, and a way back that stays here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.totp import enrol
from app.web.security import limiter
from tests.factories import make_staff
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient, said_by

URL = "/h/alpha/hospital/sign-in"
CODE_URL = "/h/alpha/hospital/second-factor"
SECRET = "JBSWY3DPEHPK3PXP" * 2
NOON = datetime(2026, 3, 4, 5, 0, 0, tzinfo=UTC)

Try = Callable[..., Any]


@pytest.fixture
def doctor(bound: Any, alpha: str) -> str:
    with bound(alpha):
        return make_staff("doctor").username


@pytest.fixture
def enrolled(app: Flask, bound: Any, alpha: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A doctor whose codes the test shows itself."""
    monkeypatch.setattr(CheckingClient, "authenticator", None)
    with bound(alpha):
        staff = make_staff("doctor")
        enrol(app.extensions["keyring"], staff, SECRET)
        return staff.username


@pytest.fixture
def sign_in(client: CheckingClient) -> Try:
    return lambda username, password=PASSWORD, **more: client.submit(
        URL, {"username": username, "password": password, **more}
    )


def account(bound: Any) -> StaffUser:
    with bound("alpha"):
        found = db.session.scalars(sa.select(StaffUser)).one()
        db.session.expunge(found)
        return found


def test_unknown_names_and_wrong_passwords_get_the_same_answer(sign_in: Try, doctor: str) -> None:
    unknown, wrong = sign_in("nobody", "x" * 12), sign_in(doctor, "x" * 12)
    assert (unknown.status_code, wrong.status_code) == (422, 422)
    assert said_by(unknown) == said_by(wrong)


def test_a_disabled_account_with_its_right_password_gets_it_too(sign_in: Try, bound: Any, doctor: str) -> None:
    with bound("alpha"):
        db.session.execute(sa.update(StaffUser).values(disabled_at=clock.now()))
    assert said_by(sign_in(doctor)) == said_by(sign_in("nobody"))


def test_a_password_is_never_written_back_into_the_page(sign_in: Try, doctor: str) -> None:
    assert "wrong-and-secret" not in sign_in(doctor, "wrong-and-secret").get_data(as_text=True)


def test_a_new_session_has_a_token_that_the_browser_did_not_bring(
    app: Flask, client: CheckingClient, sign_in: Try, doctor: str
) -> None:
    client.get(URL)
    before = client.get_cookie("vien-hospital-alpha", path="/h/alpha")
    assert before is not None
    assert sign_in(doctor).status_code == 303
    fixed: CheckingClient = app.test_client()  # type: ignore[assignment]
    fixed.set_cookie("vien-hospital-alpha", before.value, path="/h/alpha")
    assert fixed.get(URL).status_code == 200
    assert client.get(URL).status_code == 303


def test_every_sign_in_is_a_session_of_its_own(app: Flask, bound: Any, doctor: str) -> None:
    for _ in range(2):
        browser: CheckingClient = app.test_client()  # type: ignore[assignment]
        browser.submit(URL, {"username": doctor, "password": PASSWORD})
    with bound("alpha"):
        assert len(set(db.session.scalars(sa.select(StaffSession.token_hash)))) == 2


def test_guessing_costs_a_growing_wait_in_which_the_right_password_waits_too(
    app: Flask, sign_in: Try, bound: Any, doctor: str
) -> None:
    waits = []
    with clock.frozen_at(NOON):
        for _ in range(4):
            assert sign_in(doctor, "wrong-wrong").status_code == 422
        assert account(bound).throttled_until == NOON
    at = NOON
    for _ in range(3):
        with app.app_context():
            limiter.reset()  # its minutes are real ones
        with clock.frozen_at(at):
            assert sign_in(doctor, "wrong-wrong").status_code == 422
            until = account(bound).throttled_until
            assert until is not None
            waits.append((until - at).total_seconds())
            held, unknown = sign_in(doctor), sign_in("nobody-here")
            assert held.status_code == unknown.status_code == 422
            assert said_by(held) == said_by(unknown), "a wait must not tell that the name exists"
            assert account(bound).throttled_until == until, "a try that comes too early is not counted"
            at = until
    assert waits == [2, 4, 8]
    with clock.frozen_at(at):
        assert sign_in(doctor).status_code == 303
    assert account(bound).failed_sign_ins == 0


def test_a_wait_is_never_longer_than_a_quarter_of_an_hour(sign_in: Try, bound: Any, doctor: str) -> None:
    with bound("alpha"):
        db.session.execute(sa.update(StaffUser).values(failed_sign_ins=500))
    with clock.frozen_at(NOON):
        sign_in(doctor, "wrong-wrong")
    assert account(bound).throttled_until == NOON + timedelta(minutes=15)


def test_a_wrong_password_is_counted_although_its_request_is_rolled_back(sign_in: Try, bound: Any, doctor: str) -> None:
    sign_in(doctor, "wrong-wrong")
    assert account(bound).failed_sign_ins == 1


def code_at(moment: datetime, offset: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(moment + offset * timedelta(seconds=30))


@pytest.mark.parametrize(("offset", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_a_code_may_be_one_step_early_or_late(
    client: CheckingClient, sign_in: Try, enrolled: str, offset: int, status: int
) -> None:
    with clock.frozen_at(NOON):
        assert sign_in(enrolled).location == CODE_URL
        assert client.submit(CODE_URL, {"code": code_at(NOON, offset)}).status_code == status
        assert (client.get(URL).status_code == 303) == (status == 303)


@pytest.mark.parametrize("later", [0, 1])
def test_a_code_is_accepted_once(app: Flask, enrolled: str, later: int) -> None:
    moment, statuses = NOON, []
    for _ in range(2):
        browser: CheckingClient = app.test_client()  # type: ignore[assignment]
        with clock.frozen_at(moment):
            browser.submit(URL, {"username": enrolled, "password": PASSWORD})
            statuses.append(browser.submit(CODE_URL, {"code": code_at(NOON)}).status_code)
        moment += timedelta(seconds=30 * later)
    assert statuses == [303, 422]


def test_an_older_code_is_not_accepted_after_a_newer_one(app: Flask, enrolled: str) -> None:
    statuses = []
    for offset in (1, 0):
        browser: CheckingClient = app.test_client()  # type: ignore[assignment]
        with clock.frozen_at(NOON):
            browser.submit(URL, {"username": enrolled, "password": PASSWORD})
            statuses.append(browser.submit(CODE_URL, {"code": code_at(NOON, offset)}).status_code)
    assert statuses == [303, 422]


def test_wrong_codes_are_counted_and_slowed_like_wrong_passwords(
    client: CheckingClient, sign_in: Try, bound: Any, enrolled: str
) -> None:
    with clock.frozen_at(NOON):
        sign_in(enrolled)
        for number in range(5):
            assert client.submit(CODE_URL, {"code": "000000"}).status_code == 422
            assert account(bound).failed_sign_ins == number + 1
        held = client.submit(CODE_URL, {"code": code_at(NOON)}, page=URL)
        assert held.status_code == 429
        assert held.headers["Retry-After"]


def test_signing_in_anew_does_not_reset_the_count_of_wrong_codes(
    client: CheckingClient, sign_in: Try, bound: Any, enrolled: str
) -> None:
    with clock.frozen_at(NOON):
        sign_in(enrolled)
        client.submit(CODE_URL, {"code": "000000"})
        sign_in(enrolled)
    assert account(bound).failed_sign_ins == 1


@pytest.mark.parametrize("code", ["", "abc", "12345", "1234567890123", "٠١٢٣٤٥", "000\x00000"])
def test_an_odd_code_is_refused_and_no_fault(client: CheckingClient, sign_in: Try, enrolled: str, code: str) -> None:
    sign_in(enrolled)
    assert client.submit(CODE_URL, {"code": code}).status_code in (400, 422)


def test_the_second_factor_waits_five_minutes_and_is_never_skipped(
    client: CheckingClient, sign_in: Try, enrolled: str
) -> None:
    assert client.get(CODE_URL).location == URL
    with clock.frozen_at(NOON):
        sign_in(enrolled)
        assert client.get("/h/alpha/hospital/today").location.startswith(URL)
    with clock.frozen_at(NOON + timedelta(seconds=301)):
        assert client.get(CODE_URL).location == URL


OUTSIDE = [
    "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/h/beta/hospital/today",
    "/h/alpha/patient/home", "/admin/", "/h/alpha/hospital/%2e%2e/%2e%2e/beta/hospital/", "/h/alpha/hospital/\t/..",
]  # fmt: skip


@pytest.mark.parametrize("wanted", OUTSIDE)
def test_signing_in_leads_nowhere_else(sign_in: Try, doctor: str, wanted: str) -> None:
    assert sign_in(doctor, next=wanted).location.startswith("/h/alpha/hospital/")
    assert ".." not in sign_in(doctor, next=wanted).location


def test_signing_in_leads_back_to_what_was_wanted(sign_in: Try, doctor: str) -> None:
    assert sign_in(doctor, next="/h/alpha/hospital/patients?q=a%20b").location == "/h/alpha/hospital/patients?q=a%20b"


def test_the_second_factor_leads_back_too(client: CheckingClient, sign_in: Try, enrolled: str) -> None:
    with clock.frozen_at(NOON):
        sign_in(enrolled, next="/h/alpha/hospital/patients")
        assert client.submit(CODE_URL, {"code": code_at(NOON)}).location == "/h/alpha/hospital/patients"


@pytest.mark.parametrize("wanted", ["//evil.example", "/\t/evil.example", "/\\evil.example", "https://evil.example"])
def test_choosing_a_language_leads_nowhere_else(client: CheckingClient, alpha: str, wanted: str) -> None:
    response = client.submit("/h/alpha/hospital/locale", {"locale": "en", "next": wanted}, page=URL)
    assert response.location == "/h/alpha/hospital/"


def test_the_chosen_language_outlives_signing_in_and_out(client: CheckingClient, sign_in: Try, doctor: str) -> None:
    client.submit("/h/alpha/hospital/locale", {"locale": "en"}, page=URL)
    sign_in(doctor)
    client.submit("/h/alpha/hospital/sign-out", page="/h/alpha/hospital/")
    assert '<html lang="en"' in client.get(URL).get_data(as_text=True)
