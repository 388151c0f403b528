"""Passkeys: several, each at its own hospital and portal only, each answer once, and none that was copied."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.passkeys import user_handle
from app.domain.identity.proofs import Passkey
from app.domain.security.models import HospitalSecurityEvent
from tests.factories import make_staff
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient
from tests.support.passkeys import SoftPasskey, add_passkey, ask, show_passkey

SignIn = Callable[..., CheckingClient]
ALPHA, BETA, PATIENTS = "/h/alpha/hospital", "/h/beta/hospital", "/h/alpha/patient"
NOON = datetime(2026, 3, 4, 5, 0, 0, tzinfo=UTC)


@pytest.fixture
def passkey(alpha: str, sign_in_staff: SignIn) -> SoftPasskey:
    """A passkey that a nurse of alpha has just added."""
    made = SoftPasskey()
    assert add_passkey(sign_in_staff(alpha, "nurse", username="nurse"), ALPHA, made).status_code == 303
    return made


@pytest.fixture
def stranger(app: Flask) -> CheckingClient:
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    browser.authenticator = None
    return browser


def events(bound: Any) -> list[tuple[str, str | None]]:
    with bound("alpha"):
        query = sa.select(HospitalSecurityEvent.kind, HospitalSecurityEvent.details).order_by(HospitalSecurityEvent.id)
        return [(row.kind, row.details.get("reason")) for row in db.session.execute(query)]


def is_in(browser: CheckingClient, portal: str = ALPHA) -> bool:
    return browser.get(f"{portal}/account").status_code == 200


def test_a_passkey_that_knows_its_user_signs_in_alone(
    passkey: SoftPasskey, stranger: CheckingClient, bound: Any
) -> None:
    assert show_passkey(stranger, ALPHA, passkey).location == f"{ALPHA}/today"
    assert is_in(stranger)
    with bound("alpha"):
        newest = sa.select(StaffSession.second_factor).order_by(StaffSession.id.desc()).limit(1)
        assert db.session.scalar(newest) == "passkey"
        assert db.session.scalars(sa.select(Passkey.sign_count)).one() == 1


def test_one_that_did_not_verify_its_user_does_not(passkey: SoftPasskey, stranger: CheckingClient) -> None:
    assert show_passkey(stranger, ALPHA, passkey, verified=False).status_code == 422
    assert not is_in(stranger)


def test_after_the_password_its_presence_is_enough(passkey: SoftPasskey, stranger: CheckingClient) -> None:
    asked = stranger.submit(f"{ALPHA}/sign-in", {"username": "nurse", "password": PASSWORD})
    assert asked.location == f"{ALPHA}/second-factor"
    options = ask(stranger, f"{ALPHA}/second-factor/challenge", f"{ALPHA}/second-factor")
    assert [one["id"] for one in options["allowCredentials"]], "the browser is told which passkeys will do"
    answer = {"answer": passkey.shown(options, verified=False)}
    done = stranger.submit(f"{ALPHA}/second-factor/passkey", answer, page=f"{ALPHA}/second-factor")
    assert done.location == f"{ALPHA}/today"


def test_somebody_elses_passkey_is_no_second_factor(
    passkey: SoftPasskey, stranger: CheckingClient, bound: Any, alpha: str
) -> None:
    with bound(alpha):
        make_staff("doctor", username="other")
    stranger.submit(f"{ALPHA}/sign-in", {"username": "other", "password": PASSWORD})
    options = ask(stranger, f"{ALPHA}/second-factor/challenge", f"{ALPHA}/second-factor")
    answer = {"answer": passkey.shown(options)}
    assert stranger.submit(f"{ALPHA}/second-factor/passkey", answer, page=f"{ALPHA}/second-factor").status_code == 422
    assert not is_in(stranger)


def test_a_passkey_of_one_hospital_opens_nothing_at_another(
    passkey: SoftPasskey, stranger: CheckingClient, bound: Any, alpha: str, beta: str
) -> None:
    """Not even where the other hospital has the very same row for somebody of the same id."""
    assert show_passkey(stranger, BETA, passkey).status_code == 422
    with bound(alpha):
        kept = db.session.execute(sa.select(Passkey)).scalar_one()
        facts = {"credential_id": kept.credential_id, "public_key": kept.public_key, "name": kept.name}
        owner = kept.staff_id
    with bound(beta):
        db.session.add(StaffUser(id=owner, username="twin", full_name="Trùng", password_hash="!"))
        db.session.flush()
        db.session.execute(sa.insert(Passkey).values(**facts, id=owner, staff_id=owner, created_at=clock.now()))
    assert show_passkey(stranger, BETA, passkey).status_code == 422
    assert not is_in(stranger, BETA)


def test_a_passkey_of_staff_opens_nothing_in_the_patient_portal(passkey: SoftPasskey, stranger: CheckingClient) -> None:
    assert show_passkey(stranger, PATIENTS, passkey).status_code == 422
    assert not is_in(stranger, PATIENTS)


def test_a_patient_signs_in_with_a_passkey(alpha: str, sign_in_patient: SignIn, stranger: CheckingClient) -> None:
    passkey, browser = SoftPasskey(), sign_in_patient(alpha)
    first = add_passkey(browser, PATIENTS, passkey)
    assert first.location == f"{PATIENTS}/account/recovery-codes"
    assert len(browser.get(first.location).get_data(as_text=True).split("<li><code>")) == 11
    assert show_passkey(stranger, PATIENTS, passkey).status_code == 303
    assert is_in(stranger, PATIENTS)


def test_an_operator_signs_in_with_a_passkey(sign_in_operator: SignIn, stranger: CheckingClient) -> None:
    passkey = SoftPasskey()
    assert add_passkey(sign_in_operator(), "/admin", passkey).status_code == 303
    assert show_passkey(stranger, "/admin", passkey).status_code == 303
    assert is_in(stranger, "/admin")


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "https://localhost"])
def test_an_answer_for_another_origin_is_refused(passkey: SoftPasskey, stranger: CheckingClient, origin: str) -> None:
    assert show_passkey(stranger, ALPHA, passkey, origin=origin).status_code == 422
    assert not is_in(stranger)


def test_a_copied_passkey_is_found_by_its_counter(passkey: SoftPasskey, stranger: CheckingClient, bound: Any) -> None:
    copy = SoftPasskey(passkey.id, passkey.key, passkey.party, passkey.handle)
    passkey.count = 5
    assert show_passkey(stranger, ALPHA, passkey).status_code == 303
    stranger.submit(f"{ALPHA}/sign-out", page=f"{ALPHA}/account")
    assert show_passkey(stranger, ALPHA, copy).status_code == 422
    assert ("sign_in.failed", "counter") in events(bound)
    with bound("alpha"):
        assert "high" in db.session.scalars(sa.select(HospitalSecurityEvent.risk)).all()


def test_an_answer_is_good_once(app: Flask, passkey: SoftPasskey, stranger: CheckingClient, bound: Any) -> None:
    """Also for whoever kept the browser's cookie from before, with a passkey that never counts."""
    with bound("alpha"):
        db.session.execute(sa.update(Passkey).values(last_used_at=None))
    options = ask(stranger, f"{ALPHA}/sign-in/challenge", f"{ALPHA}/sign-in")
    cookie = stranger.get_cookie("vien-hospital-alpha", path="/h/alpha")
    answer = {"answer": passkey.shown(options)}
    assert cookie is not None
    assert stranger.submit(f"{ALPHA}/sign-in/passkey", answer, page=f"{ALPHA}/sign-in").status_code == 303
    with bound("alpha"):
        db.session.execute(sa.update(Passkey).values(sign_count=0))
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    thief.set_cookie("vien-hospital-alpha", cookie.value, path="/h/alpha")
    assert thief.submit(f"{ALPHA}/sign-in/passkey", answer, page=f"{ALPHA}/sign-in").status_code == 422
    assert ("sign_in.failed", "reused") in events(bound)


def test_what_was_asked_is_forgotten_with_the_first_answer(passkey: SoftPasskey, stranger: CheckingClient) -> None:
    options = ask(stranger, f"{ALPHA}/sign-in/challenge", f"{ALPHA}/sign-in")
    wrong = {"answer": passkey.shown(options, origin="https://evil.example")}
    assert stranger.submit(f"{ALPHA}/sign-in/passkey", wrong, page=f"{ALPHA}/sign-in").status_code == 422
    right = {"answer": passkey.shown(options)}
    assert stranger.submit(f"{ALPHA}/sign-in/passkey", right, page=f"{ALPHA}/sign-in").status_code == 422


def test_an_answer_comes_within_five_minutes(passkey: SoftPasskey, stranger: CheckingClient) -> None:
    with clock.frozen_at(NOON):
        options = ask(stranger, f"{ALPHA}/sign-in/challenge", f"{ALPHA}/sign-in")
    with clock.frozen_at(NOON + timedelta(minutes=5)):
        answer = {"answer": passkey.shown(options)}
        assert stranger.submit(f"{ALPHA}/sign-in/passkey", answer, page=f"{ALPHA}/sign-in").status_code == 422


def test_what_was_asked_for_one_purpose_answers_no_other(
    passkey: SoftPasskey, stranger: CheckingClient, alpha: str
) -> None:
    options = ask(stranger, f"{ALPHA}/sign-in/challenge", f"{ALPHA}/sign-in")
    stranger.submit(f"{ALPHA}/sign-in", {"username": "nurse", "password": PASSWORD})
    answer = {"answer": passkey.shown(options)}
    assert stranger.submit(f"{ALPHA}/second-factor/passkey", answer, page=f"{ALPHA}/second-factor").status_code == 422


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", "null", '{"id": "x"}', '{"id":1,"rawId":"","type":"public-key"}', "x" * 30_000]
)
def test_an_odd_answer_is_refused_and_no_fault(stranger: CheckingClient, alpha: str, answer: str) -> None:
    ask(stranger, f"{ALPHA}/sign-in/challenge", f"{ALPHA}/sign-in")
    sent = stranger.submit(f"{ALPHA}/sign-in/passkey", {"answer": answer}, page=f"{ALPHA}/sign-in")
    assert sent.status_code == 422


def test_a_closed_account_is_not_opened_by_its_passkey(
    passkey: SoftPasskey, stranger: CheckingClient, bound: Any
) -> None:
    with bound("alpha"):
        db.session.execute(sa.update(StaffUser).values(disabled_at=clock.now()))
    assert show_passkey(stranger, ALPHA, passkey).status_code == 422


def test_passkeys_have_names_and_are_removed(
    alpha: str, sign_in_staff: SignIn, stranger: CheckingClient, bound: Any
) -> None:
    browser, first, second = sign_in_staff(alpha, "nurse"), SoftPasskey(), SoftPasskey()
    add_passkey(browser, ALPHA, first, "Máy bàn")
    add_passkey(browser, ALPHA, second, "")
    with bound(alpha):
        kept = db.session.scalars(sa.select(Passkey.id).order_by(Passkey.id)).all()
    page = browser.get(f"{ALPHA}/account").get_data(as_text=True)
    assert "Máy bàn" in page
    assert browser.submit(f"{ALPHA}/account/passkeys/{kept[0]}", {"name": "Máy ở phòng trực"}).status_code == 303
    assert browser.submit(f"{ALPHA}/account/passkeys/{kept[0]}", {"name": "x" * 61}).status_code == 422
    assert "Máy ở phòng trực" in browser.get(f"{ALPHA}/account").get_data(as_text=True)
    gone = browser.submit(f"{ALPHA}/account/passkeys/{kept[0]}/remove", page=f"{ALPHA}/account/passkeys/{kept[0]}")
    assert gone.status_code == 303
    assert browser.get(f"{ALPHA}/account/passkeys/{kept[0]}").status_code == 404
    assert show_passkey(stranger, ALPHA, first).status_code == 422
    assert show_passkey(stranger, ALPHA, second).status_code == 303


def test_nobody_touches_the_passkeys_of_others(
    passkey: SoftPasskey, alpha: str, sign_in_staff: SignIn, sign_in_patient: SignIn, bound: Any
) -> None:
    with bound(alpha):
        kept = db.session.scalars(sa.select(Passkey.id)).one()
    for browser, portal in ((sign_in_staff(alpha, "doctor"), ALPHA), (sign_in_patient(alpha), PATIENTS)):
        page = f"{portal}/account"
        assert browser.get(f"{page}/passkeys/{kept}").status_code == 404
        assert browser.submit(f"{page}/passkeys/{kept}", {"name": "mine"}, page=page).status_code == 404
        assert browser.submit(f"{page}/passkeys/{kept}/remove", page=page).status_code == 404


def test_the_same_passkey_is_not_added_twice(passkey: SoftPasskey, alpha: str, sign_in_staff: SignIn) -> None:
    assert add_passkey(sign_in_staff(alpha, "doctor"), ALPHA, passkey).status_code == 422


def test_the_handle_in_authenticators_is_another_for_every_portal_and_hospital(
    app: Flask, bound: Any, alpha: str, beta: str
) -> None:
    owner, handles = new_id(), set()
    for code in (alpha, beta):
        with bound(code):
            handles |= {user_handle(portal, owner) for portal in ("hospital", "patient")}
    assert len(handles) == 4
    assert all(owner.bytes not in handle for handle in handles)


def later(minutes: int) -> Any:
    return clock.frozen_at(clock.now() + timedelta(minutes=minutes))


def test_a_passkey_proves_again_who_one_is(alpha: str, sign_in_staff: SignIn) -> None:
    browser, passkey = sign_in_staff(alpha, "nurse"), SoftPasskey()
    add_passkey(browser, ALPHA, passkey)
    with later(11):
        page = browser.get(f"{ALPHA}/account/app").location
        assert page.startswith(f"{ALPHA}/confirm")
        assert 'data-purpose="confirm"' in browser.get(page).get_data(as_text=True)
        for verified, status in ((False, 422), (True, 303)):
            options = ask(browser, f"{ALPHA}/account/challenge", page, purpose="confirm")
            answer = {"proof_passkey": passkey.shown(options, verified=verified)}
            done = browser.submit(page, answer)
            assert done.status_code == status
        assert done.location == f"{ALPHA}/account/app"
        assert browser.get(done.location).status_code == 200


def test_an_act_goes_on_after_the_passkey(alpha: str, sign_in_staff: SignIn, bound: Any) -> None:
    browser, passkey = sign_in_staff(alpha, "nurse"), SoftPasskey()
    add_passkey(browser, ALPHA, passkey)
    with bound(alpha):
        kept = db.session.scalars(sa.select(Passkey.id)).one()
    act = f"{ALPHA}/account/passkeys/{kept}"
    with later(11):
        asked = browser.submit(act, {"name": "Máy mới"}, page=f"{ALPHA}/account")
        assert asked.status_code == 403
        assert "Máy mới" in asked.get_data(as_text=True)
        options = ask(browser, f"{ALPHA}/account/challenge", f"{ALPHA}/account", purpose="confirm")
        sent = {"name": "Máy mới", "proof_passkey": passkey.shown(options)}
        assert browser.submit(act, sent, page=f"{ALPHA}/account").status_code == 303
    assert "Máy mới" in browser.get(f"{ALPHA}/account").get_data(as_text=True)


def test_what_was_asked_to_confirm_does_not_sign_in(passkey: SoftPasskey, alpha: str, sign_in_staff: SignIn) -> None:
    browser = sign_in_staff(alpha, "doctor")
    options = ask(browser, f"{ALPHA}/account/challenge", f"{ALPHA}/account", purpose="confirm")
    answer = {"answer": passkey.shown(options)}
    assert browser.submit(f"{ALPHA}/sign-in/passkey", answer, page=f"{ALPHA}/account").status_code == 422


def test_with_hosts_of_their_own_each_hospital_is_a_place_of_its_own(hosted: Flask, alpha: str) -> None:
    host, page = "https://alpha.hospitals.example", "/hospital/sign-in"
    browser = hosted.test_client()
    shown = browser.get(page, base_url=host).get_data(as_text=True)
    token = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', shown)[0]
    headers = {"X-CSRFToken": token, "Referer": f"{host}{page}"}
    options = browser.post(f"{page}/challenge", base_url=host, headers=headers).get_json()
    assert options["rpId"] == "alpha.hospitals.example"
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == []


def test_where_the_host_is_a_number_no_passkey_is_offered(stranger: CheckingClient, alpha: str) -> None:
    offered = ["data-passkey" in stranger.get(f"{ALPHA}/sign-in", base_url=f"http://{host}").get_data(as_text=True)
               for host in ("localhost", "127.0.0.1")]  # fmt: skip
    assert offered == [True, False]
