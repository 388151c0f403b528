"""Changing one's own password in every portal, what the policy asks for, and what comes first when a new one is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.audit.models import AuditEntry
from app.domain.identity import changing, history
from app.domain.identity.administrators import first_administrator, write_first_administrator
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.passwords import password_fits
from app.domain.identity.proofs import FormerPassword
from app.domain.messages.models import OutboundMessage
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy import policies
from app.tenancy.models import PlatformLetter
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR

NEW = "trang-len-dinh-nui-xanh"
STAFF = "/h/alpha/hospital/account/password"


def change(browser: CheckingClient, new: str = NEW, present: str = PASSWORD, url: str = STAFF) -> Any:
    return browser.submit(url, {"present": present, "password": new})


@pytest.fixture
def nurse(alpha: str, sign_in_staff) -> CheckingClient:
    return sign_in_staff(alpha, "nurse", email="lan@benhvien.example")


def set_policy(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    from dataclasses import replace

    for module in (history, changing):
        inner = module.account_policy
        monkeypatch.setattr(module, "account_policy", lambda portal, inner=inner: replace(inner(portal), **facts))
    assert policies.account_policy("hospital").shortest_password >= 8


def account_of(bound, staff_id: UUID, **values: Any) -> str:
    with bound("alpha"):
        staff = db.session.get_one(StaffUser, staff_id)
        for name, value in values.items():
            setattr(staff, name, value)
        return staff.password_hash


def test_it_is_changed_others_are_signed_out_and_the_owner_is_told(nurse: CheckingClient, app: Flask, bound) -> None:
    other: CheckingClient = app.test_client()  # type: ignore[assignment]
    assert (
        other.submit(
            "/h/alpha/hospital/sign-in", {"username": nurse.person["username"], "password": PASSWORD}
        ).status_code
        == 303
    )
    assert "Đổi mật khẩu" in nurse.get("/h/alpha/hospital/account").get_data(as_text=True)
    assert change(nurse).status_code == 303
    assert nurse.get("/h/alpha/hospital/account").status_code == 200, "one's own browser stays"
    assert other.get("/h/alpha/hospital/account").status_code in (303, 401)
    with bound("alpha"):
        account = db.session.get_one(StaffUser, nurse.person["id"])
        assert password_fits(NEW, account.password_hash)
        assert "password.change" in set(db.session.scalars(sa.select(HospitalSecurityEvent.kind)))
        assert "account.password_change" in set(db.session.scalars(sa.select(AuditEntry.action)))
        templates = set(db.session.scalars(sa.select(OutboundMessage.template)))
    assert "password_changed" in templates


def test_the_present_password_is_asked_for_and_wrong_ones_count(nurse: CheckingClient, bound) -> None:
    for _try in range(6):
        answer = change(nurse, present="khong-phai-mat-khau")
    assert answer.status_code == 422
    assert "hiện tại" in answer.get_data(as_text=True)
    with bound("alpha"):
        account = db.session.get_one(StaffUser, nurse.person["id"])
        assert account.failed_sign_ins >= 5
        assert account.throttled_until is not None
        events = list(db.session.scalars(sa.select(HospitalSecurityEvent.kind)))
    assert events.count("confirm.failed") == 6
    assert change(nurse).status_code == 422, "even the right one has to wait"


@pytest.mark.parametrize(
    ("new", "words"),
    [("ngan", "ít nhất 12"), ("Password12345", "bị lộ"), ("aaaaaaaaaaaa", "lặp lại"), (PASSWORD, "đã từng dùng")],
)
def test_what_is_wrong_with_it_is_said(nurse: CheckingClient, new: str, words: str) -> None:
    answer = change(nurse, new)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert new not in answer.get_data(as_text=True) or new == "ngan"


def test_a_history_is_kept_where_the_policy_asks_for_one(nurse: CheckingClient, bound, monkeypatch) -> None:
    set_policy(monkeypatch, password_history=2)
    second, third = f"{NEW}-hai", f"{NEW}-ba"
    assert change(nurse).status_code == 303
    assert change(nurse, second, NEW).status_code == 303
    assert change(nurse, NEW, second).status_code == 422
    assert change(nurse, third, second).status_code == 303
    with bound("alpha"):
        assert db.session.scalar(sa.select(sa.func.count(FormerPassword.id))) == 3
    assert change(nurse, PASSWORD, third).status_code == 303, "older than the history"


def test_no_history_is_kept_otherwise(nurse: CheckingClient, bound) -> None:
    assert change(nurse).status_code == 303
    with bound("alpha"):
        assert db.session.scalar(sa.select(sa.func.count(FormerPassword.id))) == 0


def test_where_a_new_one_is_due_it_comes_first(nurse: CheckingClient, bound, app: Flask) -> None:
    account_of(bound, nurse.person["id"], must_change_password=True)
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    signed_in = browser.submit(
        "/h/alpha/hospital/sign-in", {"username": nurse.person["username"], "password": PASSWORD}
    )
    assert signed_in.location == STAFF
    for page in ("/h/alpha/hospital/today", "/h/alpha/hospital/patients", "/h/alpha/hospital/account"):
        assert browser.get(page).location == STAFF
    assert "trước khi tiếp tục" in browser.get(STAFF).get_data(as_text=True)
    assert change(browser).status_code == 303
    assert browser.get("/h/alpha/hospital/today").status_code == 200
    with bound("alpha"):
        assert not db.session.get_one(StaffUser, nurse.person["id"]).must_change_password


def test_a_password_expires_where_the_policy_says_so(nurse: CheckingClient, bound, app: Flask, monkeypatch) -> None:
    set_policy(monkeypatch, password_expires=timedelta(days=90))
    account_of(bound, nurse.person["id"], password_changed_at=clock.now() - timedelta(days=91))
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    signed_in = browser.submit(
        "/h/alpha/hospital/sign-in", {"username": nurse.person["username"], "password": PASSWORD}
    )
    assert signed_in.location == STAFF


def test_a_patient_changes_it_within_the_own_rows(alpha: str, sign_in_patient, bound, monkeypatch) -> None:
    set_policy(monkeypatch, password_history=3)
    browser = sign_in_patient(alpha, email="nguoi.benh@example.vn")
    url = "/h/alpha/patient/account/password"
    assert change(browser, browser.person["cccd"], url=url).status_code == 422
    assert change(browser, "trang-len-xanh", url=url).status_code == 303
    assert browser.get("/h/alpha/patient/account").status_code == 200
    with bound(alpha):
        account = db.session.get_one(PatientUser, browser.person["id"])
        assert password_fits("trang-len-xanh", account.password_hash)
        assert db.session.scalars(sa.select(FormerPassword.patient_user_id)).one() == account.id
        assert "password_changed" in set(db.session.scalars(sa.select(OutboundMessage.template)))


def test_an_operator_changes_it_and_gets_a_letter_of_the_platform(sign_in_operator, app: Flask) -> None:
    browser = sign_in_operator()
    assert change(browser, url="/admin/account/password").status_code == 303
    assert browser.get("/admin/account").status_code == 200
    with app.app_context():
        assert "password_changed" in set(db.session.scalars(sa.select(PlatformLetter.template)))


def test_a_sign_in_is_remembered_without_disturbing_who_edits(nurse: CheckingClient, bound) -> None:
    with bound("alpha"):
        account = db.session.get_one(StaffUser, nurse.person["id"])
        assert account.last_sign_in_at is not None


def test_a_first_administrator_whose_password_an_operator_knows_chooses_a_new_one(
    alpha: str, bound, client: CheckingClient
) -> None:
    person = first_administrator(username="quan.tri", full_name="Quản Trị", password=NEW)
    with bound(alpha):
        write_first_administrator(ACTOR, person)
    client.submit("/h/alpha/hospital/sign-in", {"username": "quan.tri", "password": NEW})
    assert client.get("/h/alpha/hospital/today").location == STAFF
    assert change(client, f"{NEW}-ba", NEW).status_code == 303
    assert client.get("/h/alpha/hospital/today").status_code == 200
