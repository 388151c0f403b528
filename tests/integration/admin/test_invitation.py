"""The first administrator of a new hospital is invited: a link by e-mail that works once, within a week."""

from __future__ import annotations

import re
from datetime import timedelta

import psycopg
import pytest
from flask import Flask

from app.core import clock
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.delivery import deliver_due
from app.domain.messages.models import Channel, MessageState
from app.tenancy.binding import bind_hospital
from app.tenancy.making import provision_hospital
from tests.integration.admin.conftest import FORM
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR, Platform

INVITED = FORM | {"email": "quan.tri@benhvien.example", "password": ""}
PASSWORD = "mot-mat-khau-that-dai"


class Postman:
    """Keeps what it is given to carry."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    name = "postman"

    def send(self, letter: Letter, commit: object) -> Outcome:
        commit()  # type: ignore[operator]
        self.letters.append(letter)
        return Outcome(MessageState.SENT, provider_id="<1@test>")


@pytest.fixture
def letter(app: Flask, platform: Platform, sign_in_operator) -> Letter:
    """The invitation that the new hospital's administrator gets."""
    assert sign_in_operator().submit("/admin/hospitals", INVITED, page="/admin/hospitals/new").status_code == 303
    postman = Postman()
    with app.app_context():
        provision_hospital(ACTOR, "cho-moi")
        with bind_hospital("cho-moi"):
            deliver_due({Channel.EMAIL: postman, Channel.CONSOLE: postman})
    platform.databases["cho-moi"] = platform.database_name("cho-moi")
    (only,) = postman.letters
    return only


@pytest.fixture(autouse=True)
def forget(platform: Platform):
    yield
    platform.databases.pop("cho-moi", None)


def link_in(letter: Letter) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+(/h/cho-moi/hospital/invitation/[\w-]{43})\s", letter.body)
    assert found, letter.body
    return found[1]


def test_the_link_works_once_and_the_password_opens(letter: Letter, client: CheckingClient) -> None:
    assert letter.recipient == INVITED["email"]
    link = link_in(letter)
    page = client.get(link).get_data(as_text=True)
    assert FORM["username"] in page
    assert client.submit(link, {"password": "ngan"}).status_code == 422
    accepted = client.submit(link, {"password": PASSWORD})
    assert (accepted.status_code, accepted.headers["Location"]) == (303, "/h/cho-moi/hospital/sign-in")
    signed_in = client.submit("/h/cho-moi/hospital/sign-in", {"username": FORM["username"], "password": PASSWORD})
    assert signed_in.status_code == 303
    assert client.get(link).status_code == 404, "it was used"


def test_nobody_signs_in_before_a_password_was_chosen(letter: Letter, client: CheckingClient) -> None:
    for guess in ("!", " ", PASSWORD):
        answer = client.submit("/h/cho-moi/hospital/sign-in", {"username": FORM["username"], "password": guess})
        assert answer.status_code in (422, 429)


def test_the_link_ends_after_a_week_and_works_in_its_hospital_only(
    letter: Letter, client: CheckingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = link_in(letter)
    assert client.get(link.replace("cho-moi", "alpha")).status_code == 404
    later = clock.now() + timedelta(days=7, hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert client.get(link).status_code == 404


def test_what_was_sent_is_not_kept(letter: Letter, platform: Platform) -> None:
    token = link_in(letter).rsplit("/", 1)[1]
    with platform.admin("cho-moi") as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            assert not _holds(connection, table, token), table


def _holds(connection: psycopg.Connection, table: str, word: str) -> bool:
    row = connection.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}" t WHERE t::text LIKE %s)', (f"%{word}%",))
    return bool(row.fetchone()[0])


@pytest.mark.parametrize("email", ["", "kein", "a@b\r\nBcc: x@y.vn", "a@" + "b" * 250 + ".vn"])
def test_without_an_address_or_a_password_there_is_no_hospital(sign_in_operator, email: str) -> None:
    answer = sign_in_operator().submit("/admin/hospitals", INVITED | {"email": email}, page="/admin/hospitals/new")
    assert answer.status_code == 422
