"""The front door: one answer for whoever is wrong, a choice between hospitals, and a way over that works once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import system_actor
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.identity.front_door import LEAST_HASHES, begin_hand_off
from app.domain.identity.models import PatientSession, PatientUser
from app.domain.identity.totp import enrol
from app.tenancy.binding import tenancy
from app.tenancy.models import Hospital, HospitalStatus
from tests.factories.people import PASSWORD
from tests.integration.patient.conftest import HERE
from tests.support.client import CheckingClient, said_by
from tests.support.platform import Platform

KnownAt = Callable[..., UUID]
CCCD, OTHER_CCCD = "001180000777", "001180000778"


def enter(client: CheckingClient, number: str = CCCD, password: str = PASSWORD) -> Any:
    """Sign in at the front door."""
    return client.submit("/patient/", {"username": number, "password": password}, headers=HERE)


def follow(client: CheckingClient, response: Any, headers: dict[str, str] | None = None) -> Any:
    """Go where a hand-off leads, as a browser does: by POST."""
    assert response.status_code == 307
    return client.post(response.location, headers=HERE if headers is None else headers)


def test_somebody_whom_one_hospital_knows_goes_straight_in(
    client: CheckingClient, alpha: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    response = follow(client, enter(client))
    assert (response.status_code, response.location) == (303, "/h/alpha/patient/home")
    assert client.get("/h/alpha/patient/home").status_code == 200
    assert client.get("/h/beta/patient/home").status_code == 303


def test_a_phone_number_is_as_good_as_a_cccd_however_it_is_written(
    client: CheckingClient, alpha: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD, phone="+84912345678")
    for written in ("0912 345 678", "+84912345678", "0912.345.678"):
        assert enter(client, written).status_code == 307


def test_somebody_whom_two_hospitals_know_chooses(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    response = enter(client)
    assert (response.status_code, response.location) == (303, "/patient/choose-hospital")
    page = client.get("/patient/choose-hospital").text
    assert "Bệnh viện Alpha" in page
    assert "Bệnh viện Beta" in page
    chosen = client.submit("/patient/choose-hospital", {"hospital": "beta"}, headers=HERE)
    assert follow(client, chosen).location == "/h/beta/patient/home"
    assert client.get("/patient/choose-hospital").location == "/patient/", "the choice is forgotten once it is made"


def test_a_hospital_where_the_password_does_not_fit_is_not_offered(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD, password_hash="$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
    assert enter(client).location.startswith("/h/alpha/")


def test_a_hospital_that_was_not_offered_cannot_be_chosen(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    enter(client)
    assert client.submit("/patient/choose-hospital", {"hospital": "gamma"}).status_code == 200


def test_the_choice_is_remembered_for_five_minutes_at_most(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    enter(client)
    with clock.frozen_at(clock.now() + timedelta(minutes=8)):
        assert client.get("/patient/choose-hospital").location == "/patient/"


def test_the_cookie_of_the_front_door_names_no_person(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    accounts = {alpha: str(known_at(alpha, cccd=CCCD)), beta: str(known_at(beta, cccd=CCCD))}
    enter(client)
    with client.session_transaction("/patient/") as kept:
        assert kept["front_door"]["accounts"] == accounts
        assert CCCD not in str(dict(kept))


def test_whoever_is_wrong_gets_one_answer(
    client: CheckingClient, alpha: str, known_at: KnownAt, monkeypatch: Any
) -> None:
    from app.domain.identity import passwords

    known_at(alpha, cccd=CCCD)
    hashed: list[str] = []
    real = passwords._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            hashed.append(stored)
            return real.verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    answers = []
    for number, password in ((OTHER_CCCD, PASSWORD), (CCCD, "not the password")):
        hashed.clear()
        response = enter(client, number, password)
        assert len(hashed) == LEAST_HASHES
        answers.append((response.status_code, said_by(response).replace(number, "NUMBER")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422


def test_a_throttled_account_is_told_nothing_else(client: CheckingClient, alpha: str, known_at: KnownAt) -> None:
    known_at(alpha, cccd=CCCD, throttled_until=clock.now() + timedelta(minutes=5))
    unknown, throttled = enter(client, OTHER_CCCD), enter(client)
    assert unknown.status_code == throttled.status_code == 422
    assert said_by(unknown).replace(OTHER_CCCD, "N") == said_by(throttled).replace(CCCD, "N")


def test_failures_are_counted_at_the_hospital_although_the_request_fails(
    client: CheckingClient, alpha: str, known_at: KnownAt, bound: Any
) -> None:
    account_id = known_at(alpha, cccd=CCCD)
    for _ in range(3):
        enter(client, password="wrong")
    with bound(alpha):
        assert db.session.get_one(PatientUser, account_id).failed_sign_ins == 3


def test_too_many_tries_for_one_number_are_stopped(client: CheckingClient) -> None:
    statuses = [enter(client, OTHER_CCCD, "wrong").status_code for _ in range(11)]
    assert statuses[-1] == 429


def test_what_is_no_number_at_all_is_asked_for_again(client: CheckingClient) -> None:
    response = enter(client, "Nguyễn Văn An")
    assert response.status_code == 422
    assert "0912 345 678" in response.text


def test_a_hospital_that_is_suspended_is_not_entered(
    app: Flask, client: CheckingClient, alpha: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == alpha).values(status=HospitalStatus.SUSPENDED))
    assert enter(client).status_code == 422


def test_a_hand_off_works_once(client: CheckingClient, alpha: str, known_at: KnownAt) -> None:
    known_at(alpha, cccd=CCCD)
    response = enter(client)
    assert follow(client, response).status_code == 303
    assert follow(client, response).status_code == 403


def test_a_hand_off_expires_after_a_minute(client: CheckingClient, alpha: str, known_at: KnownAt) -> None:
    known_at(alpha, cccd=CCCD)
    response = enter(client)
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        assert follow(client, response).status_code == 403


def test_a_hand_off_is_refused_at_another_hospital(
    app: Flask, client: CheckingClient, alpha: str, beta: str, known_at: KnownAt
) -> None:
    account_id = known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    with app.test_request_context():
        token = begin_hand_off(system_actor("test"), alpha, account_id)
    assert client.post(f"/h/beta/patient/hand-off?token={token}", headers=HERE).status_code == 403
    assert client.post(f"/h/alpha/patient/hand-off?token={token}", headers=HERE).status_code == 303


def test_a_hand_off_that_another_site_sends_is_refused(client: CheckingClient, alpha: str, known_at: KnownAt) -> None:
    known_at(alpha, cccd=CCCD)
    response = enter(client)
    for headers in ({}, {"Origin": "https://evil.example"}, {**HERE, "Sec-Fetch-Site": "cross-site"}):
        assert follow(client, response, headers=headers).status_code == 403
    assert follow(client, response, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_hand_off_without_a_token_is_refused(client: CheckingClient, alpha: str) -> None:
    assert client.post("/h/alpha/patient/hand-off", headers=HERE).status_code == 403
    assert client.get("/h/alpha/patient/hand-off").status_code == 405


def test_the_account_of_a_hand_off_may_have_been_disabled_meanwhile(
    client: CheckingClient, alpha: str, known_at: KnownAt, bound: Any
) -> None:
    account_id = known_at(alpha, cccd=CCCD)
    response = enter(client)
    with bound(alpha):
        db.session.get_one(PatientUser, account_id).disabled_at = clock.now()
    assert follow(client, response).status_code == 403


def test_a_second_factor_is_never_skipped(
    app: Flask, client: CheckingClient, alpha: str, known_at: KnownAt, bound: Any
) -> None:
    account_id, secret = known_at(alpha, cccd=CCCD), pyotp.random_base32()
    with bound(alpha):
        enrol(app.extensions["keyring"], db.session.get_one(PatientUser, account_id), secret)
    response = follow(client, enter(client))
    assert response.location == "/h/alpha/patient/second-factor"
    assert client.get("/h/alpha/patient/home").status_code == 303
    code = pyotp.TOTP(secret).at(clock.now())
    assert client.submit(response.location, {"code": code}).location == "/h/alpha/patient/home"
    assert client.get("/h/alpha/patient/home").status_code == 200


def test_the_beginning_of_a_session_is_written_down(
    client: CheckingClient, alpha: str, known_at: KnownAt, bound: Any
) -> None:
    account_id = known_at(alpha, cccd=CCCD)
    follow(client, enter(client))
    with bound(alpha):
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "session.begin")).one()
        assert (entry.actor_id, entry.subject_id) == (account_id, account_id)
        sessions = db.session.scalars(sa.select(PatientSession).order_by(PatientSession.id)).all()
        assert [row.ended_at is None for row in sessions] == [False, True]


def test_the_front_door_of_a_hospital_leads_to_its_own_sign_in(client: CheckingClient, alpha: str) -> None:
    assert client.get("/h/alpha/patient/", follow_redirects=True).status_code == 200
    assert client.get("/h/alpha/patient/choose-hospital").location == "/h/alpha/patient/home"


def test_direct_sign_in_gives_one_answer_too(client: CheckingClient, alpha: str, known_at: KnownAt) -> None:
    known_at(alpha, cccd=CCCD)
    url, texts = "/h/alpha/patient/sign-in", []
    for number, password in ((OTHER_CCCD, PASSWORD), (CCCD, "wrong")):
        response = client.submit(url, {"username": number, "password": password})
        assert response.status_code == 422
        texts.append(said_by(response).replace(number, "NUMBER"))
    assert texts[0] == texts[1]
    assert client.submit(url, {"username": CCCD, "password": PASSWORD}).status_code == 303


@pytest.fixture
def on_hosts(app: Flask, platform: Platform) -> Iterator[CheckingClient]:
    """A browser of an installation whose hospitals have hosts of their own."""
    hosts = platform.make_app(hospital_host_suffix="vien.test", base_url="http://vien.test:8000")
    yield hosts.test_client()  # type: ignore[misc]
    with hosts.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


def test_where_hospitals_have_hosts_of_their_own_the_hand_off_leads_to_the_host(
    on_hosts: CheckingClient, alpha: str, known_at: KnownAt
) -> None:
    known_at(alpha, cccd=CCCD)
    client = on_hosts
    door = {"base_url": "http://vien.test:8000", "headers": {"Origin": "http://vien.test:8000"}}
    page = client.get("/patient/", **door)
    token = re.search(r'name="csrf_token"[^>]*?value="([^"]+)"', page.text)
    assert token is not None
    data = {"csrf_token": token.group(1), "username": CCCD, "password": PASSWORD}
    response = client.post("/patient/", data=data, **door)
    assert response.location.startswith("http://alpha.vien.test:8000/patient/hand-off?token=")
    inside = {"base_url": "http://alpha.vien.test:8000"}
    path = response.location.removeprefix("http://alpha.vien.test:8000")
    for site, status in (("cross-site", 403), ("same-site", 303)):
        assert client.post(path, headers={"Sec-Fetch-Site": site}, **inside).status_code == status


@pytest.fixture
def beta_away(app: Flask, platform: Platform) -> Iterator[Callable[[], None]]:
    """Call it, and the second hospital's database accepts nobody until the test is over."""
    name = platform.databases["beta"]

    def switch(allowed: bool) -> None:
        with app.app_context():
            tenancy().engines.dispose()
        with platform.cluster.connect() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}')
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    yield lambda: switch(False)
    switch(True)


def test_a_hospital_that_is_away_keeps_nobody_from_the_others(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt, beta_away: Callable[[], None]
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    beta_away()
    assert follow(client, enter(client)).location == "/h/alpha/patient/home"


def test_a_hospital_that_is_away_does_not_tell_whom_it_knows(
    client: CheckingClient, beta: str, known_at: KnownAt, beta_away: Callable[[], None]
) -> None:
    known_at(beta, cccd=CCCD)
    beta_away()
    known, stranger = enter(client), enter(client, OTHER_CCCD)
    assert known.status_code == stranger.status_code == 422


def test_a_hospital_that_goes_away_after_it_was_offered_says_so(
    client: CheckingClient, alpha: str, beta: str, known_at: KnownAt, beta_away: Callable[[], None]
) -> None:
    known_at(alpha, cccd=CCCD)
    known_at(beta, cccd=CCCD)
    enter(client)
    beta_away()
    response = client.submit("/patient/choose-hospital", {"hospital": "beta"})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
