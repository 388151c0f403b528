"""A forgotten password: the link of the letter works once, signs nobody in, and tells nobody who is known."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.ids import hash_token
from app.core.unit_of_work import unit_of_work
from app.domain.identity import passwords
from app.domain.identity.closing import disable_account, enable_account
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.operators import create_operator
from app.domain.identity.proofs import PasswordReset
from app.domain.identity.resets import ResetOver, request_reset, reset_password
from app.domain.identity.staff import StaffFacts, update_staff
from app.domain.messages.models import OutboundMessage
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.binding import bind_hospital
from app.tenancy.models import OperatorRole, PlatformLetter, PlatformUser
from app.web.security import limiter
from tests import factories
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient, said_by
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

NEW = "trang-len-dinh-nui-xanh"
ASK = "/h/alpha/hospital/forgotten-password"
EMAIL = "lan.nguyen@benhvien.example"


@pytest.fixture
def staff(alpha: str, bound) -> dict[str, Any]:
    with bound(alpha):
        made = factories.make_staff("nurse", email=EMAIL)
        return {"id": made.id, "username": made.username}


def letter_in(bound, code: str = "alpha") -> str:
    with bound(code):
        return db.session.scalars(sa.select(OutboundMessage.body).order_by(OutboundMessage.id.desc())).first()


def link_of(body: str) -> str:
    found = re.search(r"http://[^/]+(/\S*reset/[\w-]{43})", body)
    assert found, body
    return found[1]


def asked(client: CheckingClient, username: str, url: str = ASK) -> str:
    answer = client.submit(url, {"username": username})
    assert answer.status_code == 200
    return said_by(answer)


def test_the_link_of_the_letter_sets_a_new_password_once(client: CheckingClient, staff, bound, sign_in_staff) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    assert client.get(link).status_code == 200
    refused = client.submit(link, {"password": "ngan"})
    assert refused.status_code == 422
    assert "ít nhất 12 ký tự" in refused.get_data(as_text=True)
    answer = client.submit(link, {"password": NEW})
    assert (answer.status_code, answer.location) == (303, "/h/alpha/hospital/sign-in")
    assert client.get("/h/alpha/hospital/today").status_code in (303, 401), "nobody is signed in by it"
    assert client.get(link).status_code == 404
    with bound("alpha"):
        account = db.session.get_one(StaffUser, staff["id"])
        assert passwords.password_fits(NEW, account.password_hash)
        assert account.password_changed_at is not None
        kinds = set(db.session.scalars(sa.select(HospitalSecurityEvent.kind)))
    assert {"password.reset_asked", "password.reset"} <= kinds
    assert "vừa được đổi" in letter_in(bound), "the owner is told"


def test_after_a_reset_one_signs_in_with_password_and_second_factor(
    client: CheckingClient, staff, bound, app: Flask
) -> None:
    client.authenticator = None
    asked(client, staff["username"])
    client.submit(link_of(letter_in(bound)), {"password": NEW})
    answer = client.submit("/h/alpha/hospital/sign-in", {"username": staff["username"], "password": NEW})
    assert answer.status_code == 303
    assert "second-factor" in answer.location


def test_a_reset_ends_every_session(alpha: str, sign_in_staff, client: CheckingClient, bound) -> None:
    browser = sign_in_staff("alpha", "nurse", email=EMAIL)
    assert browser.get("/h/alpha/hospital/today").status_code == 200
    asked(client, browser.person["username"])
    client.submit(link_of(letter_in(bound)), {"password": NEW})
    assert browser.get("/h/alpha/hospital/today").status_code in (303, 401)
    with bound("alpha"):
        reasons = set(db.session.scalars(sa.select(StaffSession.ended_reason)))
    assert reasons == {"password_changed"}


def test_everybody_gets_the_same_answer_after_the_same_work(client: CheckingClient, staff, bound, monkeypatch) -> None:
    hashes: list[str] = []
    monkeypatch.setattr(passwords._hasher.__class__, "hash", lambda *a, **k: hashes.append("x") or "x")
    with bound("alpha"):
        silent = factories.make_staff("nurse").username
        closed = factories.make_staff("nurse", email="dong@benhvien.example")
        closed.disabled_at = clock.now()
        closed_name = closed.username
    hashes.clear()
    answers, counts = {}, {}
    for who, name in {
        "known": staff["username"],
        "unknown": "khong.co.ai",
        "silent": silent,
        "closed": closed_name,
    }.items():
        limiter.reset()
        token = client.csrf_token(ASK)
        with count_queries() as seen:
            answer = client.post(ASK, data={"csrf_token": token, "username": name})
        answers[who] = said_by(answer)
        counts[who] = [re.sub(r"SAVEPOINT \w+", "SAVEPOINT", one) for one in seen if "SAVEPOINT" not in one]
    assert len({len(one) for one in counts.values()}) == 1, {who: len(one) for who, one in counts.items()}
    assert counts["known"] == counts["unknown"]
    assert set(answers.values()) == {answers["unknown"]}
    assert hashes == []
    with bound("alpha"):
        assert db.session.scalar(sa.select(sa.func.count(OutboundMessage.id))) == 1
        assert db.session.scalar(sa.select(sa.func.count(PasswordReset.id))) == 1


def test_a_letter_goes_out_three_times_an_hour_at_most(client: CheckingClient, staff, bound) -> None:
    for _time in range(5):
        limiter.reset()
        asked(client, staff["username"])
    with bound("alpha"):
        assert db.session.scalar(sa.select(sa.func.count(OutboundMessage.id))) == 3
        open_ones = sa.select(sa.func.count(PasswordReset.id)).where(PasswordReset.expires_at > clock.now())
        assert db.session.scalar(open_ones) == 1, "the newest alone opens"


def test_an_address_asks_a_few_times_and_then_waits(client: CheckingClient, staff) -> None:
    answers = [client.submit(ASK, {"username": f"ai-{n}"}).status_code for n in range(7)]
    assert answers[:5] == [200] * 5
    assert answers[5:] == [429, 429]


def test_a_link_is_nobodys_at_the_other_hospital_and_in_another_portal(
    client: CheckingClient, staff, bound, beta: str
) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    for elsewhere in (link.replace("/h/alpha/", "/h/beta/"), link.replace("/hospital/reset", "/patient/reset")):
        assert client.get(elsewhere).status_code == 404
    assert client.get("/admin/reset/" + link.rsplit("/", 1)[1]).status_code == 404


def test_a_link_of_a_closed_account_opens_nothing(client: CheckingClient, staff, bound) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    with bound("alpha"):
        db.session.get_one(StaffUser, staff["id"]).disabled_at = clock.now()
    assert client.get(link).status_code == 404


def test_a_link_does_not_come_alive_when_the_account_is_enabled_again(client: CheckingClient, staff, bound) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    with bound("alpha"):
        disable_account(ACTOR, db.session.get_one(StaffUser, staff["id"]), "nghi ngờ bị lộ")
    with bound("alpha"):
        enable_account(ACTOR, db.session.get_one(StaffUser, staff["id"]))
    assert client.get(link).status_code == 404


def test_a_link_to_an_address_of_before_opens_nothing(client: CheckingClient, staff, bound) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    with bound("alpha"):
        account = db.session.get_one(StaffUser, staff["id"])
        facts = StaffFacts(account.full_name, "moi@benhvien.example", department_id=account.department_id)
        update_staff(ACTOR, account.id, version=account.version, facts=facts, role_codes=("nurse",))
    assert client.get(link).status_code == 404


def test_a_link_ends_after_half_an_hour(client: CheckingClient, staff, bound, monkeypatch) -> None:
    asked(client, staff["username"])
    link = link_of(letter_in(bound))
    later = clock.now() + timedelta(minutes=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = client.get(link)
    assert answer.status_code == 404
    assert "30 phút" in answer.get_data(as_text=True)


def test_of_two_at_the_same_time_one_sets_the_password(app: Flask, alpha: str, staff, bound) -> None:
    with bound(alpha):
        token = "x" * 43
        db.session.add(
            PasswordReset(
                staff_id=staff["id"],
                token_hash=hash_token(token),
                created_at=clock.now(),
                expires_at=clock.now() + timedelta(minutes=5),
            )
        )
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def use(password: str) -> None:
        start.wait()
        try:
            with app.app_context(), bind_hospital(alpha), unit_of_work():
                reset_password("hospital", token, password, address=None, request_id=None)
            outcomes.append(password)
        except ResetOver:
            outcomes.append("over")

    threads = [threading.Thread(target=use, args=(f"{NEW}-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[0] != "over" or sorted(outcomes)[1] != "over"
    assert outcomes.count("over") == 1
    winner = next(one for one in outcomes if one != "over")
    with bound(alpha):
        assert passwords.password_fits(winner, db.session.get_one(StaffUser, staff["id"]).password_hash)


def test_a_patient_asks_with_the_cccd(client: CheckingClient, alpha: str, bound) -> None:
    with bound(alpha):
        patient = factories.make_patient(email="nguoi.benh@example.vn")
        factories.make_patient_user(patient)
        cccd, patient_id = patient.cccd, patient.id
    asked(client, cccd, "/h/alpha/patient/forgotten-password")
    link = link_of(letter_in(bound))
    refused = client.submit(link, {"password": cccd})
    assert "của bệnh viện" in refused.get_data(as_text=True) or refused.status_code == 422
    assert client.submit(link, {"password": "trang-len-xanh"}).status_code == 303
    with bound(alpha):
        assert set(db.session.scalars(sa.select(OutboundMessage.patient_id))) == {patient_id}
    assert client.submit("/h/alpha/patient/forgotten-password", {"username": "abc"}).status_code == 422


def test_two_of_one_telephone_number_are_nobody(client: CheckingClient, alpha: str, bound) -> None:
    with bound(alpha):
        for number in range(2):
            factories.make_patient_user(factories.make_patient(phone="+84901234567", email=f"nha{number}@example.vn"))
    asked(client, "0901234567", "/h/alpha/patient/forgotten-password")
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(OutboundMessage.id))) == 0


def test_an_operator_gets_a_letter_of_the_platform(client: CheckingClient, app: Flask) -> None:
    with app.app_context(), unit_of_work():
        create_operator(
            ACTOR,
            username="ops",
            full_name="Vận Hành",
            email="ops@vien.example",
            role=OperatorRole.SUPPORT,
            password=PASSWORD,
        )
    asked(client, "OPS@vien.example", "/admin/forgotten-password")
    with app.app_context():
        letter = db.session.scalars(sa.select(PlatformLetter)).one()
    link = link_of(letter.body)
    assert link.startswith("/admin/reset/")
    assert client.submit(link, {"password": NEW}).status_code == 303
    with app.app_context():
        assert passwords.password_fits(NEW, db.session.scalars(sa.select(PlatformUser.password_hash)).one())


def test_no_request_is_made_for_what_is_no_name(app: Flask, alpha: str, bound) -> None:
    with bound(alpha):
        request_reset(ACTOR, "hospital", "'; DROP TABLE staff_users; --")
        assert db.session.scalar(sa.select(sa.func.count(PasswordReset.id))) == 0
