"""A session is a row of one portal of one hospital; the cookie only refers to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.identity import sessions
from app.domain.identity.models import PatientSession, PatientUser, StaffSession, StaffUser
from app.tenancy.models import PlatformSession, PlatformUser
from app.tenancy.policies import account_policy
from tests.factories import make_staff
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

PLACES = {
    "admin": ("vien-admin", "/admin", "/"),
    "alpha-hospital": ("vien-hospital-alpha", "/h/alpha/hospital", "/h/alpha"),
    "beta-hospital": ("vien-hospital-beta", "/h/beta/hospital", "/h/beta"),
    "alpha-patient": ("vien-patient-alpha", "/h/alpha/patient", "/h/alpha"),
    "beta-patient": ("vien-patient-beta", "/h/beta/patient", "/h/beta"),
}


def is_signed_in(browser: CheckingClient, url: str) -> bool:
    """The sign-in page sends on who is signed in already."""
    status = browser.get(f"{url}/sign-in").status_code
    assert status in (200, 303)
    return status == 303


def cookie_of(browser: CheckingClient, place: str) -> str:
    name, _, path = PLACES[place]
    cookie = browser.get_cookie(name, path=path)
    assert cookie is not None
    return str(cookie.value)


@pytest.fixture
def sign_in(sign_in_operator: Any, sign_in_staff: Any, sign_in_patient: Any) -> Callable[[str], CheckingClient]:
    def enter(place: str) -> CheckingClient:
        if place == "admin":
            return sign_in_operator()  # type: ignore[no-any-return]
        code, portal = place.split("-")
        return sign_in_staff(code) if portal == "hospital" else sign_in_patient(code)  # type: ignore[no-any-return]

    return enter


@pytest.mark.parametrize("place", list(PLACES))
def test_a_session_is_valid_where_it_began_and_nowhere_else(sign_in: Any, alpha: str, beta: str, place: str) -> None:
    browser = sign_in(place)
    assert {other: is_signed_in(browser, url) for other, (_, url, _) in PLACES.items()} == {
        other: other == place for other in PLACES
    }


@pytest.mark.parametrize(("origin", "target"), list(itertools.permutations(PLACES, 2)))
def test_a_cookies_value_under_another_name_is_nobodys(
    app: Flask, sign_in: Any, alpha: str, beta: str, origin: str, target: str
) -> None:
    name, url, path = PLACES[target]
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    thief.set_cookie(name, cookie_of(sign_in(origin), origin), path=path)
    assert not is_signed_in(thief, url)


def test_a_half_finished_sign_in_is_not_carried_to_another_hospital(
    app: Flask, bound: Any, alpha: str, beta: str
) -> None:
    from app.domain.identity.totp import enrol
    from tests.factories import make_staff

    ids = {}
    for code in (alpha, beta):
        with bound(code):
            staff = make_staff("doctor", username="same.person")
            enrol(app.extensions["keyring"], staff, "JBSWY3DPEHPK3PXP" * 2)
            ids[code] = staff.id
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    browser.authenticator = None
    browser.submit("/h/alpha/hospital/sign-in", {"username": "same.person", "password": PASSWORD})
    assert browser.get("/h/alpha/hospital/second-factor").status_code == 200
    browser.set_cookie("vien-hospital-beta", cookie_of(browser, "alpha-hospital"), path="/h/beta")
    assert browser.get("/h/beta/hospital/second-factor").status_code == 303


def test_a_cookie_planted_before_the_sign_in_is_nobodys_afterwards(app: Flask, bound: Any, alpha: str) -> None:
    """Whoever gives somebody a session to sign in with does not share it (session fixation)."""
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    thief.get("/h/alpha/hospital/sign-in")
    planted = cookie_of(thief, "alpha-hospital")
    victim: CheckingClient = app.test_client()  # type: ignore[assignment]
    victim.set_cookie("vien-hospital-alpha", planted, path="/h/alpha")
    with bound(alpha):
        username = make_staff("doctor").username
    victim.submit("/h/alpha/hospital/sign-in", {"username": username, "password": PASSWORD})
    assert is_signed_in(victim, "/h/alpha/hospital")
    assert not is_signed_in(thief, "/h/alpha/hospital")
    assert cookie_of(victim, "alpha-hospital") != planted


def test_an_altered_cookie_is_nobodys(app: Flask, sign_in: Any, alpha: str) -> None:
    value = cookie_of(sign_in("alpha-hospital"), "alpha-hospital")
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    altered = value[:-9] + ("A" if value[-9] != "A" else "B") + value[-8:]  # the last sign's bits do not all count
    thief.set_cookie("vien-hospital-alpha", altered, path="/h/alpha")
    assert not is_signed_in(thief, "/h/alpha/hospital")


MODELS = {
    "admin": (None, PlatformSession, PlatformUser, account_policy("admin")),
    "alpha-hospital": ("alpha", StaffSession, StaffUser, account_policy("hospital")),
    "alpha-patient": ("alpha", PatientSession, PatientUser, account_policy("patient")),
}


@pytest.fixture
def change(app: Flask, bound: Any) -> Callable[..., None]:
    """Change every row of a model, in the hospital or in the centre."""

    def apply(code: str | None, model: Any, **values: Any) -> None:
        if code is not None:
            with bound(code):
                db.session.execute(sa.update(model).values(**values))
        else:
            with app.app_context(), unit_of_work() as session:
                session.execute(sa.update(model).values(**values))

    return apply


@pytest.mark.parametrize("place", list(MODELS))
@pytest.mark.parametrize("limit", ["idle", "absolute"])
def test_a_session_ends_by_idleness_and_at_its_limit(
    sign_in: Any, change: Any, alpha: str, place: str, limit: str
) -> None:
    code, model, _, limits = MODELS[place]
    browser, url, now, little = sign_in(place), PLACES[place][1], clock.now(), timedelta(minutes=2)
    change(code, model, last_seen_at=now - limits.idle + little, expires_at=now + little)
    assert is_signed_in(browser, url)
    ended = {"idle": {"last_seen_at": now - limits.idle - little}, "absolute": {"expires_at": now - little}}[limit]
    change(code, model, **ended)
    assert not is_signed_in(browser, url)


@pytest.mark.parametrize("place", list(MODELS))
def test_a_disabled_account_is_out_at_the_next_request(sign_in: Any, change: Any, alpha: str, place: str) -> None:
    code, _, account, _ = MODELS[place]
    browser = sign_in(place)
    change(code, account, disabled_at=clock.now())
    assert not is_signed_in(browser, PLACES[place][1])


@pytest.mark.parametrize("place", list(MODELS))
def test_signing_out_kills_the_session_itself(app: Flask, sign_in: Any, alpha: str, place: str) -> None:
    name, url, path = PLACES[place]
    browser = sign_in(place)
    old = cookie_of(browser, place)
    response = browser.post(f"{url}/sign-out", data={"csrf_token": browser.csrf_token(f"{url}/")})
    assert response.status_code == 303
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_signed_in(browser, url)
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    thief.set_cookie(name, old, path=path)
    assert not is_signed_in(thief, url)


def test_polling_does_not_keep_a_session_awake(sign_in: Any, bound: Any, change: Any, alpha: str) -> None:
    browser = sign_in("alpha-hospital")
    before = clock.now() - timedelta(minutes=10)
    change("alpha", StaffSession, last_seen_at=before)
    browser.get("/h/alpha/hospital/sign-in?poll=1")
    with bound(alpha):
        assert db.session.scalars(sa.select(StaffSession.last_seen_at)).one() == before
    browser.get("/h/alpha/hospital/sign-in")
    with bound(alpha):
        assert db.session.scalars(sa.select(StaffSession.last_seen_at)).one() > before


def test_an_event_stream_does_not_keep_a_session_awake(sign_in: Any, bound: Any, change: Any, alpha: str) -> None:
    browser = sign_in("alpha-hospital")
    before = clock.now() - timedelta(minutes=10)
    change("alpha", StaffSession, last_seen_at=before)
    browser.get("/h/alpha/hospital/sign-in", headers={"Accept": "text/event-stream"})
    with bound(alpha):
        assert db.session.scalars(sa.select(StaffSession.last_seen_at)).one() == before


def test_typing_on_keeps_a_session_awake(sign_in: Any, bound: Any, change: Any, alpha: str) -> None:
    """What is saved in the background is what somebody types: it is use, and it is a POST."""
    browser = sign_in("alpha-hospital")
    before = clock.now() - timedelta(minutes=10)
    change("alpha", StaffSession, last_seen_at=before)
    browser.post("/h/alpha/hospital/locale", headers={"HX-Request": "true"}, data={"locale": "vi"})
    browser.get("/h/alpha/hospital/sign-in", headers={"HX-Request": "true"})
    with bound(alpha):
        assert db.session.scalars(sa.select(StaffSession.last_seen_at)).one() > before


@pytest.mark.parametrize("limit", ["idle", "absolute"])
@pytest.mark.parametrize("place", list(MODELS))
def test_a_shortened_limit_counts_at_the_next_request(
    sign_in: Any, change: Any, alpha: str, monkeypatch: Any, place: str, limit: str
) -> None:
    code, model, _, policy = MODELS[place]
    browser, url = sign_in(place), PLACES[place][1]
    earlier = clock.now() - timedelta(minutes=6)
    change(code, model, last_seen_at=earlier, created_at=earlier)
    shorter = replace(policy, **{limit: timedelta(minutes=3)})
    monkeypatch.setattr(sessions, "account_policy", lambda portal: shorter)
    assert not is_signed_in(browser, url)
    monkeypatch.undo()
    assert is_signed_in(browser, url)


@pytest.mark.parametrize("place", list(MODELS))
def test_who_somebody_is_costs_one_statement(sign_in: Any, alpha: str, place: str) -> None:
    browser, url = sign_in(place), PLACES[place][1]
    assert is_signed_in(browser, url)
    with count_queries() as asked:
        assert is_signed_in(browser, url)
    assert len(asked) == 1, list(asked)


def test_only_a_digest_of_the_token_is_kept(sign_in: Any, bound: Any, alpha: str) -> None:
    value = cookie_of(sign_in("alpha-hospital"), "alpha-hospital")
    with bound(alpha):
        row = db.session.scalars(sa.select(StaffSession)).one()
        assert row.token_hash is not None
        assert len(row.token_hash) == 32
        assert row.token_hash.hex() not in value


def test_who_is_not_signed_in_is_asked_and_led_back(client: CheckingClient, alpha: str) -> None:
    response = client.get("/h/alpha/hospital/today?day=tomorrow&x=ố")
    assert response.status_code == 303
    assert response.location.startswith("/h/alpha/hospital/sign-in?next=/h/alpha/hospital/today")
    assert client.get(response.location).status_code == 200


def test_htmx_is_led_back_to_the_page_and_not_to_the_fragment(client: CheckingClient, alpha: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/h/alpha/hospital/today?tab=2"}
    response = client.get("/h/alpha/hospital/today?poll=1", headers=headers)
    assert response.status_code == 204
    assert response.headers["HX-Redirect"].endswith("next=/h/alpha/hospital/today?tab%3D2")


def test_a_form_sent_after_the_session_ended_is_told_so_and_led_back_to_its_page(
    probe: Flask, sign_in: Any, change: Any, alpha: str
) -> None:
    browser: CheckingClient = probe.test_client()  # type: ignore[assignment]
    browser.set_cookie("vien-hospital-alpha", cookie_of(sign_in("alpha-hospital"), "alpha-hospital"), path="/h/alpha")
    change("alpha", StaffSession, expires_at=clock.now())
    response = browser.post(
        "/h/alpha/hospital/probe/private",
        data={"note": "typed"},
        headers={"Referer": "http://localhost/h/alpha/hospital/patients/new?step=2"},
    )
    assert response.status_code == 303
    assert response.location == "/h/alpha/hospital/sign-in?next=/h/alpha/hospital/patients/new?step%3D2"
    assert "nên chưa lưu được" in browser.get(response.location).get_data(as_text=True)


def test_a_foreign_page_is_not_what_one_is_led_back_to(probe: Flask, alpha: str) -> None:
    response = probe.test_client().post(
        "/h/alpha/hospital/probe/private", headers={"Referer": "https://evil.example/h/alpha/hospital/"}
    )
    assert response.location == "/h/alpha/hospital/sign-in"
