"""Everybody sees the browsers they are signed in with and ends them; a new device is told of."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.identity.browsers import KEPT_FOR, end_sessions, forget_old_sessions, list_sessions
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.sessions import begin_session, end_session, find_staff, renew_token
from app.domain.messages.models import OutboundMessage
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.binding import bind_hospital
from app.tenancy.models import OperatorRole
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient

HOME = {"admin": "/admin", "hospital": "/h/alpha/hospital", "patient": "/h/alpha/patient"}
END = re.compile(r'action="([^"]+/account/browsers/[0-9a-f-]+/end)"')
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.fixture
def sign_in(sign_in_operator: Any, sign_in_staff: Any, sign_in_patient: Any, alpha: str) -> Any:
    ways = {"admin": sign_in_operator, "hospital": lambda: sign_in_staff(alpha, email="bs@vien.example"),
            "patient": lambda: sign_in_patient(alpha)}  # fmt: skip
    return lambda portal: ways[portal]()


@pytest.fixture
def again(app: Flask) -> Any:
    """Sign the same person in with another browser."""

    def enter(browser: CheckingClient, portal: str, agent: str = WINDOWS) -> CheckingClient:
        from tests.conftest import _sign_in

        other = app.test_client()
        other.environ_base["HTTP_USER_AGENT"] = agent
        made: Any = type("Made", (), {"test_client": lambda self: other})()
        return _sign_in(made, f"{HOME[portal]}/sign-in", browser.person, browser.hospital)

    return enter


def is_in(browser: CheckingClient, portal: str) -> bool:
    return browser.get(f"{HOME[portal]}/account").status_code == 200


@pytest.mark.parametrize("portal", list(HOME))
def test_a_browser_is_ended_from_another_at_once(sign_in: Any, again: Any, portal: str) -> None:
    browser = sign_in(portal)
    other = again(browser, portal)
    page = browser.get(f"{HOME[portal]}/account").get_data(as_text=True)
    assert "Chrome trên Windows" in page
    (address,) = END.findall(page)
    answer = browser.submit(address, page=f"{HOME[portal]}/account")
    assert answer.status_code == 303
    assert is_in(browser, portal)
    assert not is_in(other, portal)


@pytest.mark.parametrize("portal", list(HOME))
def test_all_others_are_ended_and_this_one_stays(sign_in: Any, again: Any, portal: str) -> None:
    browser = sign_in(portal)
    others = [again(browser, portal), again(browser, portal)]
    browser.submit(f"{HOME[portal]}/account/browsers/end-others", page=f"{HOME[portal]}/account")
    assert is_in(browser, portal)
    assert not any(is_in(other, portal) for other in others)


def test_nobody_ends_somebody_elses_browser(sign_in: Any, bound: Any, alpha: str) -> None:
    mine, theirs = sign_in("hospital"), sign_in("hospital")
    with bound(alpha):
        query = sa.select(StaffSession.id).where(StaffSession.staff_id == theirs.person["id"])
        session_id = db.session.scalars(query).one()
    url = f"{HOME['hospital']}/account/browsers/{session_id}/end"
    assert mine.submit(url, page=f"{HOME['hospital']}/account").status_code == 404
    assert is_in(theirs, "hospital")


def test_an_administrator_sees_and_ends_the_sessions_of_an_account(
    sign_in: Any, again: Any, bound: Any, alpha: str
) -> None:
    browser = sign_in("hospital")
    again(browser, "hospital")
    actor = Actor(ActorKind.STAFF, None, "Quản trị")
    with bound(alpha):
        account = db.session.get_one(StaffUser, browser.person["id"])
        assert len(list_sessions(account)) == 2
        assert end_sessions(actor, account, "by_administrator") == 2
        assert list_sessions(account) == []
        assert end_sessions(actor, account, "by_administrator") == 0
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "session.revoke")).one()
        assert entry.changes["reason"] == "by_administrator"
        reasons = set(db.session.scalars(sa.select(StaffSession.ended_reason)))
        assert reasons == {"by_administrator"}
    assert not is_in(browser, "hospital")


def test_an_unknown_reason_is_refused(sign_in: Any, bound: Any, alpha: str) -> None:
    browser = sign_in("hospital")
    with bound(alpha), pytest.raises(ValueError, match="no reason"):
        end_sessions(
            Actor(ActorKind.SYSTEM, None, "x"), db.session.get_one(StaffUser, browser.person["id"]), "felt_like_it"
        )


def test_a_new_device_is_recorded_and_its_owner_told_and_a_known_one_is_not(
    sign_in: Any, again: Any, bound: Any, alpha: str
) -> None:
    browser = sign_in("hospital")  # the first sign-in is nobody's news
    again(browser, "hospital")
    browser.submit(f"{HOME['hospital']}/sign-out", page=f"{HOME['hospital']}/account")
    browser.submit(f"{HOME['hospital']}/sign-in", {"username": browser.person["username"], "password": PASSWORD})
    with bound(alpha):
        kinds = list(db.session.scalars(sa.select(HospitalSecurityEvent.kind)))
        assert kinds.count("sign_in.new_device") == 1
        letter = db.session.scalars(sa.select(OutboundMessage)).one()
        assert letter.template == "new_device"
        assert letter.recipient == "bs@vien.example"
        assert "Chrome trên Windows" in letter.body


def test_the_devices_name_is_no_session_and_is_kept_out_of_reach(sign_in: Any, alpha: str, app: Flask) -> None:
    browser = sign_in("hospital")
    cookie = browser.get_cookie("vien-hospital-alpha-device", path="/h/alpha")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    thief: CheckingClient = app.test_client()  # type: ignore[assignment]
    thief.set_cookie("vien-hospital-alpha", cookie.value, path="/h/alpha")
    assert not is_in(thief, "hospital")


@pytest.mark.parametrize("proven", [True, False])
def test_of_many_who_renew_at_once_one_has_the_session(
    app: Flask, sign_in: Any, bound: Any, alpha: str, proven: bool
) -> None:
    """Of those who have proven who they are it is the last one, for whoever presses twice; else the first."""
    staff_id = sign_in("hospital").person["id"]
    actor = Actor(ActorKind.SYSTEM, None, "tests")
    with bound(alpha):
        token = begin_session("hospital", actor, staff_id, user_agent=None)
    with bound(alpha):
        found = find_staff(token)
        assert found is not None

    def renew(_: int) -> str | None:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            return renew_token("hospital", found.session_id, token, proven=proven)

    with ThreadPoolExecutor(32) as pool:
        renewed = [one for one in pool.map(renew, range(32)) if one is not None]
    assert len(renewed) == (32 if proven else 1)
    with bound(alpha):
        assert find_staff(token) is None
        assert sum(find_staff(one) is not None for one in renewed) == 1


def test_a_session_that_was_ended_is_not_renewed(sign_in: Any, bound: Any, alpha: str) -> None:
    staff_id = sign_in("hospital").person["id"]
    with bound(alpha):
        token = begin_session("hospital", Actor(ActorKind.SYSTEM, None, "tests"), staff_id, user_agent=None)
        found = find_staff(token)
        assert found is not None
        end_session("hospital", found.session_id)
        assert renew_token("hospital", found.session_id, token, proven=True) is None


def test_sessions_that_ended_long_ago_are_forgotten_and_no_others(sign_in: Any, bound: Any, alpha: str) -> None:
    browser = sign_in("hospital")
    actor = Actor(ActorKind.SYSTEM, None, "tests")
    long_ago = clock.now() - KEPT_FOR - timedelta(days=1)
    with bound(alpha):
        with clock.frozen_at(long_ago):
            begin_session("hospital", actor, browser.person["id"], user_agent=None)
        assert forget_old_sessions("hospital") == 1
        assert forget_old_sessions("hospital") == 0
    assert is_in(browser, "hospital")


def test_who_manages_staff_sees_and_ends_their_browsers_on_a_page(sign_in: Any, sign_in_staff: Any, alpha: str) -> None:
    doctor, administrator = sign_in("hospital"), sign_in_staff(alpha, "administrator")
    page = f"{HOME['hospital']}/staff/{doctor.person['id']}/sessions"
    assert "Thiết bị đang đăng nhập" in administrator.get(page).text
    assert doctor.get(page).status_code == 403
    assert administrator.submit(f"{page}/end", page=page).status_code == 303
    assert not is_in(doctor, "hospital")
    assert "Không đăng nhập ở đâu" in administrator.get(page).text


def test_who_manages_operators_sees_and_ends_their_browsers_on_a_page(sign_in_operator: Any) -> None:
    boss, other = sign_in_operator(), sign_in_operator(OperatorRole.SUPPORT, "other.operator")
    page = f"/admin/operators/{other.person['id']}/sessions"
    assert boss.get(page).status_code == 200
    assert other.get(page).status_code == 403
    assert boss.submit(f"{page}/end", page=page).status_code == 303
    assert not is_in(other, "admin")
    assert is_in(boss, "admin")
