"""Sensitive acts ask again; what was typed goes on, and the browser has a new token afterwards."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.sessions import KINDS
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.policies import account_policy
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient

PREFIX = {"admin": "/admin", "hospital": "/h/alpha/hospital", "patient": "/h/alpha/patient"}
COOKIE = {"admin": ("vien-admin", "/"), "hospital": ("vien-hospital-alpha", "/h/alpha"),
          "patient": ("vien-patient-alpha", "/h/alpha")}  # fmt: skip
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def carried_by(page: str) -> list[tuple[str, str]]:
    form = page.split('<form class="form"', 1)[1].split("</form>", 1)[0]
    return [(name, html.unescape(value)) for name, value in HIDDEN.findall(form)]


def cookie_of(browser: CheckingClient, portal: str) -> str:
    name, path = COOKIE[portal]
    cookie = browser.get_cookie(name, path=path)
    assert cookie is not None
    return str(cookie.value)


@pytest.fixture
def enter(
    probe: Flask, alpha: str, sign_in_operator: Any, sign_in_staff: Any, sign_in_patient: Any
) -> Callable[[str], CheckingClient]:
    """Sign in to a portal, with a browser that also sees the acts."""

    def sign_in(portal: str) -> CheckingClient:
        ways = {"admin": sign_in_operator, "hospital": lambda: sign_in_staff(alpha),
                "patient": lambda: sign_in_patient(alpha)}  # fmt: skip
        browser = ways[portal]()
        other: CheckingClient = probe.test_client()  # type: ignore[assignment]
        name, path = COOKIE[portal]
        other.set_cookie(name, cookie_of(browser, portal), path=path)
        other.person = browser.person
        return other

    return sign_in


@pytest.fixture
def let_time_pass(app: Flask, bound: Any) -> Callable[[str], None]:
    """Make every proof of a portal too old."""

    def age(portal: str) -> None:
        long_ago = clock.now() - account_policy(portal).confirm_after - timedelta(minutes=2)
        query = sa.update(KINDS[portal].model).values(proven_at=long_ago)
        if portal == "admin":
            with app.app_context(), unit_of_work() as session:
                session.execute(query)
        else:
            with bound("alpha"):
                db.session.execute(query)

    return age


@pytest.mark.parametrize("portal", list(PREFIX))
def test_who_proved_it_lately_is_not_asked(enter: Any, portal: str) -> None:
    browser = enter(portal)
    assert browser.get(f"{PREFIX[portal]}/acts/page").text == "the page"


@pytest.mark.parametrize("portal", list(PREFIX))
def test_a_page_asks_and_then_shows_itself(enter: Any, let_time_pass: Any, portal: str) -> None:
    browser, before = enter(portal), PREFIX[portal]
    let_time_pass(portal)
    asked = browser.get(f"{before}/acts/page?x=1")
    assert asked.status_code == 303
    assert asked.location == f"{before}/confirm?next={before}/acts/page?x%3D1"
    answer = browser.submit(asked.location, {"proof_password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, f"{before}/acts/page?x=1")
    assert browser.get(answer.location).text == "the page"


@pytest.mark.parametrize("portal", list(PREFIX))
def test_an_act_asks_and_then_happens_with_all_that_was_typed(enter: Any, let_time_pass: Any, portal: str) -> None:
    browser, url = enter(portal), f"{PREFIX[portal]}/acts/do?from=here"
    token = browser.csrf_token(f"{PREFIX[portal]}/confirm")
    let_time_pass(portal)
    typed = {"reason": 'Nguyễn "Ổn" <b>', "day": ["1", "2"], "note": "một\nhai"}
    asked = browser.post(url, data={"csrf_token": token, "password": "secret-secret", "pin": "9", **typed})
    assert asked.status_code == 403
    page = asked.get_data(as_text=True)
    assert "secret-secret" not in page
    kept = carried_by(page)
    assert sorted(kept) == sorted([("reason", typed["reason"]), ("day", "1"), ("day", "2"), ("note", "một\nhai")])
    assert f'action="{url}"' in html.unescape(page)
    fields: dict[str, Any] = {}
    for name, value in kept:
        fields.setdefault(name, []).append(value)
    done = browser.post(url, data={"csrf_token": token, "proof_password": PASSWORD, **fields})
    assert done.status_code == 200
    assert {name: done.json[name] for name in typed} == {
        name: [v] if isinstance(v, str) else v for name, v in typed.items()
    }


@pytest.mark.parametrize("portal", list(PREFIX))
def test_the_browser_has_a_new_token_and_the_old_one_is_nobodys(
    probe: Flask, enter: Any, let_time_pass: Any, portal: str
) -> None:
    browser = enter(portal)
    old = cookie_of(browser, portal)
    browser.submit(f"{PREFIX[portal]}/confirm", {"proof_password": PASSWORD})
    assert cookie_of(browser, portal) != old
    assert browser.get(f"{PREFIX[portal]}/acts/page").status_code == 200
    thief: CheckingClient = probe.test_client()  # type: ignore[assignment]
    thief.set_cookie(COOKIE[portal][0], old, path=COOKIE[portal][1])
    assert "/sign-in" in thief.get(f"{PREFIX[portal]}/acts/page").location


def test_a_proof_stays_when_the_act_itself_is_refused(enter: Any, let_time_pass: Any) -> None:
    browser, url = enter("hospital"), f"{PREFIX['hospital']}/acts/do"
    token = browser.csrf_token(f"{PREFIX['hospital']}/confirm")
    let_time_pass("hospital")
    typed = {"csrf_token": token, "proof_password": PASSWORD, "wanted": "mistake"}
    assert browser.post(url, data=typed).status_code == 422
    assert browser.get(f"{PREFIX['hospital']}/acts/page").text == "the page"
    again = {"csrf_token": token, "wanted": "right"}  # the form that was open before can still be sent
    assert browser.post(url, data=again).status_code == 200


def test_a_wrong_password_is_counted_recorded_and_shown_beside_what_was_typed(
    enter: Any, let_time_pass: Any, bound: Any, alpha: str
) -> None:
    browser, url = enter("hospital"), f"{PREFIX['hospital']}/acts/do"
    token = browser.csrf_token(f"{PREFIX['hospital']}/confirm")
    let_time_pass("hospital")
    for tries in (1, 2, 3):
        answer = browser.post(url, data={"csrf_token": token, "proof_password": "wrong", "reason": "kept"})
        assert answer.status_code == 422
        assert ("reason", "kept") in carried_by(answer.get_data(as_text=True))
        with bound(alpha):
            assert db.session.scalar(sa.select(StaffUser.failed_sign_ins)) == tries
            kinds = db.session.scalars(sa.select(HospitalSecurityEvent.kind)).all()
            assert kinds.count("confirm.failed") == tries
    for _ in range(4):
        browser.post(url, data={"csrf_token": token, "proof_password": "wrong"})
    waits = browser.post(url, data={"csrf_token": token, "proof_password": PASSWORD})
    assert waits.status_code == 422, "after many wrong tries even the right one waits"


def test_a_success_stands_in_the_audit_log(enter: Any, bound: Any, alpha: str) -> None:
    browser = enter("hospital")
    browser.submit(f"{PREFIX['hospital']}/confirm", {"proof_password": PASSWORD})
    with bound(alpha):
        actions = db.session.scalars(sa.select(AuditEntry.action)).all()
        assert actions.count("session.confirm") == 1


def test_htmx_is_shown_the_question_in_the_place_of_the_page(enter: Any, let_time_pass: Any) -> None:
    browser = enter("hospital")
    token = browser.csrf_token(f"{PREFIX['hospital']}/confirm")
    let_time_pass("hospital")
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/h/alpha/hospital/today?tab=2"}
    asked = browser.post(f"{PREFIX['hospital']}/acts/do", data={"csrf_token": token, "a": "1"}, headers=headers)
    assert asked.headers["HX-Retarget"] == "#content"
    assert "<html" not in asked.text
    assert ("a", "1") in carried_by(asked.text)
    led = browser.get(f"{PREFIX['hospital']}/acts/page", headers=headers)
    assert led.headers["HX-Redirect"].endswith("/confirm?next=/h/alpha/hospital/today?tab%3D2")


def test_without_the_forms_token_the_right_password_does_nothing(enter: Any, let_time_pass: Any) -> None:
    browser = enter("hospital")
    let_time_pass("hospital")
    answer = browser.post(f"{PREFIX['hospital']}/acts/do", data={"proof_password": PASSWORD})
    assert answer.status_code == 400
    assert browser.get(f"{PREFIX['hospital']}/acts/page").status_code == 303


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/h/beta/hospital/today", "/admin/"])
def test_nobody_is_led_to_a_strange_place(enter: Any, wanted: str) -> None:
    browser = enter("hospital")
    answer = browser.post(
        f"{PREFIX['hospital']}/confirm?next={wanted}",
        data={"csrf_token": browser.csrf_token(f"{PREFIX['hospital']}/confirm"), "proof_password": PASSWORD},
    )
    assert answer.location == "/h/alpha/hospital/"


def test_a_session_from_before_there_were_proofs_is_asked(enter: Any, bound: Any, alpha: str) -> None:
    browser = enter("hospital")
    with bound(alpha):
        db.session.execute(sa.update(StaffSession).values(proven_at=None))
    assert browser.get(f"{PREFIX['hospital']}/acts/page").status_code == 303


def test_the_time_is_the_portals_own(enter: Any, bound: Any, alpha: str, monkeypatch: Any) -> None:
    browser = enter("hospital")
    with bound(alpha):
        db.session.execute(sa.update(StaffSession).values(proven_at=clock.now() - timedelta(minutes=3)))
    assert browser.get(f"{PREFIX['hospital']}/acts/page").status_code == 200
    from app.tenancy import policies

    shorter = policies.DEFAULTS["hospital"].__class__(
        **{**_fields(policies.DEFAULTS["hospital"]), "confirm_after": timedelta(minutes=2)}
    )
    monkeypatch.setitem(policies.DEFAULTS, "hospital", shorter)
    assert browser.get(f"{PREFIX['hospital']}/acts/page").status_code == 303


def _fields(policy: Any) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}
