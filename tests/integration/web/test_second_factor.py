"""The second factor: set up before anything else where it is required, replaced, reset; recovery codes in its place."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.identity import recovery_codes, second_factor, totp
from app.domain.identity.models import PatientUser, StaffSession, StaffUser
from app.domain.identity.proofs import RecoveryCode
from app.domain.identity.sign_in import WrongCode, WrongCredentials
from app.domain.messages.models import OutboundMessage
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.binding import bind_hospital
from app.web.security import limiter
from tests.factories import make_patient, make_patient_user, make_staff
from tests.factories.people import PASSWORD
from tests.support.authenticator import TOTP_SECRET, code_of, key_on
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

SignIn = Callable[..., CheckingClient]
PORTAL = "/h/alpha/hospital"
STEP, NEW, HOME = f"{PORTAL}/second-factor", f"{PORTAL}/second-factor/new", f"{PORTAL}/today"
RECOVERY, CODES = f"{PORTAL}/second-factor/recovery-code", f"{PORTAL}/account/recovery-codes"
NOON = datetime(2026, 3, 4, 5, 0, 0, tzinfo=UTC)
SHOWN = re.compile(r"<li><code>([A-Z0-9-]+)</code>")
ADMINISTRATOR = Actor(ActorKind.STAFF, None, "Quản trị")


@pytest.fixture(autouse=True)
def cheap_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_codes, "COST", {"time_cost": 1, "memory_cost": 8, "parallelism": 1})


@pytest.fixture
def browser(app: Flask) -> CheckingClient:
    """A browser whose second factor the test shows itself."""
    return new_browser(app)


def new_browser(app: Flask) -> CheckingClient:
    made: CheckingClient = app.test_client()  # type: ignore[assignment]
    made.authenticator = None
    return made


def password(browser: CheckingClient, username: str, **more: str) -> Any:
    return browser.submit(f"{PORTAL}/sign-in", {"username": username, "password": PASSWORD, **more})


@pytest.fixture
def novice(bound: Any, alpha: str) -> str:
    """Somebody without a second factor."""
    with bound(alpha):
        return make_staff("nurse", username="novice", enrolled=False).username


@pytest.fixture
def nurse(bound: Any, alpha: str) -> str:
    with bound(alpha):
        return make_staff("nurse", username="nurse").username


def test_whoever_has_none_sets_one_up_before_anything_else(browser: CheckingClient, novice: str) -> None:
    assert password(browser, novice).location == NEW
    for page in (HOME, f"{PORTAL}/account", f"{PORTAL}/patients", CODES):
        assert browser.get(page).location.startswith(f"{PORTAL}/sign-in")
    assert browser.get(STEP).location == NEW


def test_it_counts_once_a_right_code_was_shown(browser: CheckingClient, novice: str, bound: Any) -> None:
    password(browser, novice, next=f"{PORTAL}/patients")
    key = key_on(browser.get(NEW).get_data(as_text=True))
    assert browser.submit(NEW, {"code": "000000"}).status_code == 422
    with bound("alpha"):
        assert not totp.is_enrolled(db.session.scalars(sa.select(StaffUser)).one())
    assert key_on(browser.get(NEW).get_data(as_text=True)) == key, "the key stays while its page is open"
    done = browser.submit(NEW, {"code": code_of(key)})
    assert done.location.startswith(CODES)
    page = browser.get(done.location).get_data(as_text=True)
    assert len(set(SHOWN.findall(page))) == 10
    assert f'href="{PORTAL}/patients"' in page
    assert "data:text/plain" in page
    assert SHOWN.findall(browser.get(CODES).get_data(as_text=True)) == [], "they are shown once"
    assert browser.get(HOME).status_code == 200
    with bound("alpha"):
        kinds = db.session.scalars(sa.select(HospitalSecurityEvent.kind)).all()
        assert "second_factor.enrol" in kinds
        assert "second_factor.enrol" in db.session.scalars(sa.select(AuditEntry.action)).all()


def test_the_code_that_set_it_up_is_used(app: Flask, browser: CheckingClient, novice: str) -> None:
    with clock.frozen_at(NOON):
        password(browser, novice)
        key = key_on(browser.get(NEW).get_data(as_text=True))
        browser.submit(NEW, {"code": code_of(key)})
        again = new_browser(app)
        assert password(again, novice).location == STEP
        assert again.submit(STEP, {"code": code_of(key)}).status_code == 422


def test_setting_up_waits_a_quarter_of_an_hour(browser: CheckingClient, novice: str) -> None:
    with clock.frozen_at(NOON):
        password(browser, novice)
    with clock.frozen_at(NOON + timedelta(minutes=16)):
        assert browser.get(NEW).location == f"{PORTAL}/sign-in"


def test_who_has_a_factor_cannot_set_up_another_with_the_password_alone(browser: CheckingClient, nurse: str) -> None:
    assert password(browser, nurse).location == STEP
    assert browser.get(NEW).location == STEP
    assert browser.submit(NEW, {"code": "000000"}, page=STEP).location == STEP
    assert browser.submit(f"{NEW}-passkey", {"answer": "{}"}, page=STEP).location == STEP


def test_an_account_closed_meanwhile_goes_no_further(browser: CheckingClient, nurse: str, bound: Any) -> None:
    password(browser, nurse)
    token = browser.csrf_token(STEP)
    with bound("alpha"):
        db.session.execute(sa.update(StaffUser).values(disabled_at=clock.now()))
    shown = browser.post(STEP, data={"csrf_token": token, "code": code_of(TOTP_SECRET)})
    assert shown.location == f"{PORTAL}/sign-in"


def test_the_code_of_another_account_is_refused(browser: CheckingClient, nurse: str, bound: Any) -> None:
    with bound("alpha"):
        other = make_staff("doctor", username="other")
        totp.enrol(second_factor.keyring(), other, totp.new_secret())
    password(browser, "other")
    assert browser.submit(STEP, {"code": code_of(TOTP_SECRET)}).status_code == 422


def test_a_code_sent_twice_at_once_is_accepted_once(app: Flask, nurse: str) -> None:
    """Two transactions that both read the account before either used the code."""
    ready, accepted, code = threading.Barrier(2), [], code_of(TOTP_SECRET)

    def use() -> None:
        with app.app_context(), bind_hospital("alpha"), unit_of_work() as session:
            account = session.scalars(sa.select(StaffUser)).one()
            ready.wait(60)
            accepted.append(totp.accept_code(second_factor.keyring(), account, code))

    together(use)
    assert sorted(accepted) == [False, True]


def together(act: Callable[[], None]) -> None:
    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.fixture
def codes(bound: Any, nurse: str) -> list[str]:
    """The recovery codes of the nurse."""
    with bound("alpha"):
        return recovery_codes.renew_codes(db.session.scalars(sa.select(StaffUser)).one())


def test_a_recovery_code_lets_in_once(app: Flask, nurse: str, codes: list[str], bound: Any) -> None:
    statuses = []
    for typed in (codes[3], codes[3], codes[4].lower().replace("-", " ")):
        browser = new_browser(app)
        password(browser, nurse)
        statuses.append(browser.submit(RECOVERY, {"recovery_code": typed}).status_code)
    assert statuses == [303, 422, 303]
    with bound("alpha"):
        account = db.session.scalars(sa.select(StaffUser)).one()
        assert recovery_codes.count_codes(account) == 8
        assert "recovery_code" in db.session.scalars(sa.select(StaffSession.second_factor)).all()
        events = db.session.execute(sa.select(HospitalSecurityEvent.kind, HospitalSecurityEvent.subject_id)).all()
        assert ("second_factor.failed", account.id) in [tuple(event) for event in events]


def test_used_and_wrong_codes_get_the_same_answer(app: Flask, nurse: str, codes: list[str]) -> None:
    said = []
    for typed in (codes[0], codes[0], "ABCD-EFGH-JKLM"):
        browser = new_browser(app)
        password(browser, nurse)
        answer = browser.submit(RECOVERY, {"recovery_code": typed})
        said.append((answer.status_code, "không đúng hoặc đã được dùng" in answer.get_data(as_text=True)))
    assert said == [(303, False), (422, True), (422, True)]


def test_a_recovery_code_sent_twice_at_once_lets_in_once(app: Flask, codes: list[str]) -> None:
    ready, accepted = threading.Barrier(2), []

    def use() -> None:
        with app.app_context(), bind_hospital("alpha"), unit_of_work() as session:
            account = session.scalars(sa.select(StaffUser)).one()
            ready.wait(60)
            accepted.append(recovery_codes.use_code(account, codes[0]))

    together(use)
    assert sorted(accepted) == [False, True]


def test_codes_are_kept_as_hashes_and_are_everybodys_own(bound: Any, codes: list[str]) -> None:
    with bound("alpha"):
        kept = db.session.scalars(sa.select(RecoveryCode.code_hash)).all()
        assert len(set(kept)) == len(set(codes)) == 10
        assert not any(code.replace("-", "").encode() in row for row in kept for code in codes)
        assert not recovery_codes.use_code(make_staff("doctor"), codes[0])


def test_guessing_recovery_codes_is_slowed_like_passwords(
    app: Flask, browser: CheckingClient, nurse: str, codes: list[str], bound: Any
) -> None:
    with clock.frozen_at(NOON):
        password(browser, nurse)
        for _ in range(5):
            assert browser.submit(RECOVERY, {"recovery_code": "ABCD-EFGH-JKLM"}).status_code == 422
        assert browser.submit(RECOVERY, {"recovery_code": codes[0]}).status_code == 429
    with app.app_context():
        limiter.reset()


def test_new_recovery_codes_end_the_old_ones(alpha: str, sign_in_staff: SignIn, bound: Any) -> None:
    browser = sign_in_staff(alpha, "nurse")
    shown = [
        SHOWN.findall(
            browser.submit(f"{CODES}/renew", page=f"{PORTAL}/account", follow_redirects=True).get_data(as_text=True)
        )
        for _ in range(2)
    ]
    assert [len(one) for one in shown] == [10, 10]
    with bound(alpha):
        account = db.session.scalars(sa.select(StaffUser)).one()
        assert not recovery_codes.use_code(account, shown[0][0])
        assert recovery_codes.use_code(account, shown[1][0])
        recovery_codes.spend_codes(account)
    assert "Số mã khôi phục còn lại: 0" in browser.get(f"{PORTAL}/account").get_data(as_text=True)


def test_a_new_app_replaces_the_old_one_and_ends_the_other_sessions(
    app: Flask, alpha: str, sign_in_staff: SignIn
) -> None:
    browser = sign_in_staff(alpha, "nurse", username="nurse")
    other = new_browser(app)
    other.authenticator = TOTP_SECRET
    password(other, "nurse")
    assert other.get(HOME).status_code == 200
    page = f"{PORTAL}/account/app"
    key = key_on(browser.get(page).get_data(as_text=True))
    assert browser.submit(page, {"code": "000000"}).status_code == 422
    assert browser.submit(page, {"code": code_of(key)}).status_code == 303
    assert browser.get(HOME).status_code == 200
    assert other.get(HOME).status_code == 303, "who has the old session proves it anew"
    again = new_browser(app)
    password(again, "nurse")
    assert again.submit(STEP, {"code": code_of(TOTP_SECRET)}).status_code == 422


def test_the_last_factor_stays_where_one_is_required(alpha: str, sign_in_staff: SignIn) -> None:
    browser = sign_in_staff(alpha, "nurse")
    page = f"{PORTAL}/account"
    assert "app/remove" not in browser.get(page).get_data(as_text=True)
    assert browser.submit(f"{page}/app/remove", page=page).status_code == 409
    assert browser.get(page).status_code == 200


def test_a_patient_chooses_and_may_stop(alpha: str, sign_in_patient: SignIn, bound: Any, app: Flask) -> None:
    browser, page = sign_in_patient(alpha, email="benh@example.vn"), "/h/alpha/patient/account"
    key = key_on(browser.get(f"{page}/app").get_data(as_text=True))
    done = browser.submit(f"{page}/app", {"code": code_of(key)})
    assert done.location == f"{page}/recovery-codes"
    assert len(SHOWN.findall(browser.get(done.location).get_data(as_text=True))) == 10
    signing_in = new_browser(app)
    asked = signing_in.submit("/h/alpha/patient/sign-in", {"username": browser.person["cccd"], "password": PASSWORD})
    assert asked.location == "/h/alpha/patient/second-factor"
    assert browser.submit(f"{page}/app/remove", page=page).status_code == 303
    with bound(alpha):
        account = db.session.scalars(sa.select(PatientUser)).one()
        assert not second_factor.has_second_factor(account)
        assert recovery_codes.count_codes(account) == 0, "codes that stand in for nothing open nothing"
        written = sa.select(OutboundMessage.body).where(OutboundMessage.template == "factor_changed")
        told = db.session.scalars(written.order_by(OutboundMessage.id)).all()
        assert ["thiết lập ứng dụng xác thực" in told[0], "gỡ ứng dụng xác thực" in told[1]] == [True, True]


def test_a_reset_ends_sessions_and_asks_for_a_new_factor(
    app: Flask, alpha: str, sign_in_staff: SignIn, bound: Any
) -> None:
    browser = sign_in_staff(alpha, "nurse", username="nurse", email="nurse@example.vn")
    with bound(alpha):
        account = db.session.scalars(sa.select(StaffUser)).one()
        second_factor.reset_second_factor(ADMINISTRATOR, account, "Mất điện thoại, gặp tại phòng nhân sự")
    assert browser.get(HOME).status_code == 303
    again = new_browser(app)
    assert password(again, "nurse").location == NEW, "the password stays, and is not enough"
    with bound(alpha):
        event = db.session.scalars(
            sa.select(HospitalSecurityEvent).where(HospitalSecurityEvent.kind == "second_factor.reset")
        ).one()
        assert event.subject_id == browser.person["id"]
        letter = db.session.scalars(sa.select(OutboundMessage).where(OutboundMessage.template == "factor_reset")).one()
        assert letter.recipient == "nurse@example.vn"
        assert "xác thực hai lớp" in letter.body


def test_a_reset_says_why(bound: Any, nurse: str) -> None:
    with bound("alpha"), pytest.raises(InvalidValue):
        second_factor.reset_second_factor(ADMINISTRATOR, db.session.scalars(sa.select(StaffUser)).one(), "  a ")


def test_a_patients_reset_leads_back_to_the_password(bound: Any, alpha: str) -> None:
    with bound(alpha):
        account = make_patient_user(make_patient(email="benh@example.vn"))
        totp.enrol(second_factor.keyring(), account, TOTP_SECRET)
        second_factor.reset_second_factor(ADMINISTRATOR, account, "Mất điện thoại, xuất trình CCCD")
        assert not second_factor.has_second_factor(account)
        assert not second_factor.must_enrol(account)


def test_proving_oneself_again_takes_a_password_or_a_code(app: Flask, bound: Any, nurse: str) -> None:
    with bound("alpha"):
        account = db.session.scalars(sa.select(StaffUser)).one()
        second_factor.verify_again(account, password=PASSWORD)
        code = code_of(TOTP_SECRET)
        second_factor.verify_again(account, code=code)
    with app.app_context(), bind_hospital("alpha"):
        account = db.session.scalars(sa.select(StaffUser)).one()
        for wrong, refusal in (({"password": "x"}, WrongCredentials), ({"code": code}, WrongCode)):
            with pytest.raises(refusal):
                second_factor.verify_again(account, **wrong)


def test_a_secret_has_at_least_160_bits(bound: Any, nurse: str) -> None:
    with bound("alpha"):
        account = db.session.scalars(sa.select(StaffUser)).one()
        for secret in ("JBSWY3DPEHPK3PXP", "no base32 at all!", ""):
            with pytest.raises(ValueError, match="secret"):
                totp.enrol(second_factor.keyring(), account, secret)
    assert len({totp.new_secret() for _ in range(100)}) == 100


def test_how_many_queries_the_pages_take(
    alpha: str, sign_in_staff: SignIn, browser: CheckingClient, nurse: str
) -> None:
    password(browser, nurse)
    with count_queries() as asked:
        browser.get(STEP)
    assert len(asked) <= 4
    signed_in = sign_in_staff(alpha, "doctor")
    with count_queries() as asked:
        signed_in.get(f"{PORTAL}/account")
    assert len(asked) <= 8
