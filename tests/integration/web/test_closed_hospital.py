"""A suspended or archived hospital shows its people one clear page, in every process, at their next request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.ids import new_token
from app.core.queue import Envelope, sign
from app.core.unit_of_work import unit_of_work
from app.jobs.rounds import find_due
from app.jobs.schedule import list_periods
from app.jobs.worker import perform
from app.tenancy.announcements import start_listening
from app.tenancy.binding import tenancy
from app.tenancy.index import find_hospitals
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.operations import resume_hospital, suspend_hospital
from tests import factories
from tests.factories.people import PASSWORD
from tests.integration.jobs.conftest import until
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR, Platform

CONTACT = "0900 000 000"


@pytest.fixture
def another(app: Flask, platform: Platform) -> Iterator[Flask]:
    """Another process of the platform, which trusts what it knows for an hour and hears announcements."""
    another = platform.make_app(registry_seconds=3600, support_contact=CONTACT)
    listener = start_listening(another)
    assert listener.listening.wait(60)
    yield another
    listener.stop()
    with another.app_context():
        another.extensions["tenancy"].engines.dispose()
        db.engine.dispose()


@pytest.fixture
def doctor(another: Flask, bound: Callable[[str], Any], alpha: str) -> CheckingClient:
    """A doctor signed in to the other process."""
    with bound(alpha):
        username = factories.make_staff("doctor").username
    browser: CheckingClient = another.test_client()  # type: ignore[assignment]
    assert browser.submit("/h/alpha/hospital/sign-in", {"username": username, "password": PASSWORD}).status_code == 303
    assert browser.get("/h/alpha/hospital/today").status_code == 200
    return browser


def suspend(app: Flask) -> None:
    with app.app_context(), unit_of_work():
        suspend_hospital(ACTOR, "alpha", "Bí mật của người vận hành")


def set_status(app: Flask, status: HospitalStatus, **values: Any) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == "alpha").values(status=status, **values))
        tenancy().registry.forget()


def test_who_is_signed_in_to_another_process_sees_it_at_the_next_request(
    app: Flask, another: Flask, doctor: CheckingClient
) -> None:
    suspend(app)
    assert until(lambda: doctor.get("/h/alpha/hospital/today").status_code == 503)
    page = doctor.get("/h/alpha/hospital/today")
    text = page.get_data(as_text=True)
    assert page.headers["Retry-After"] == "3600"
    assert CONTACT in text
    assert "Bệnh viện Alpha" in text
    assert "Bí mật" not in text
    with app.app_context(), unit_of_work():
        resume_hospital(ACTOR, "alpha")
    assert until(lambda: doctor.get("/h/alpha/hospital/today").status_code == 200), "the session is as it was"


def test_a_part_of_a_page_asks_for_the_whole_page(app: Flask, another: Flask, doctor: CheckingClient) -> None:
    suspend(app)
    headers = {"HX-Request": "true"}
    assert until(lambda: doctor.get("/h/alpha/hospital/today", headers=headers).status_code == 503)
    assert doctor.get("/h/alpha/hospital/today", headers=headers).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("status", "answer", "vietnamese", "english"),
    [
        (HospitalStatus.SUSPENDED, 503, "tạm ngừng", "suspended"),
        (HospitalStatus.ARCHIVED, 410, "không còn hoạt động", "no longer works here"),
    ],
)
@pytest.mark.parametrize("portal", ["hospital", "patient"])
def test_each_state_has_its_own_words_in_two_languages(
    app: Flask, client: CheckingClient, alpha: str, portal: str, status: HospitalStatus, answer: int,
    vietnamese: str, english: str,
) -> None:  # fmt: skip
    set_status(app, status)
    page = client.get(f"/h/alpha/{portal}/sign-in")
    text = page.get_data(as_text=True)
    assert page.status_code == answer
    assert '<html lang="vi"' in text
    assert vietnamese in text.casefold()
    assert english in text
    assert 'lang="en"' in text


def test_the_page_speaks_the_hospitals_language_first(app: Flask, client: CheckingClient, alpha: str) -> None:
    set_status(app, HospitalStatus.SUSPENDED, locale="en")
    try:
        text = client.get("/h/alpha/patient/sign-in").get_data(as_text=True)
    finally:
        set_status(app, HospitalStatus.ACTIVE, locale="vi")
    assert '<html lang="en"' in text
    assert "<h1>This hospital is suspended</h1>" in text


def test_its_jobs_rest_and_the_front_door_leaves_it_out(app: Flask, alpha: str, bound: Callable[[str], Any]) -> None:
    with bound(alpha):
        patient = factories.make_patient()
        cccd = patient.cccd
    assert cccd is not None
    suspend(app)
    periods = [period for period in list_periods() if period.for_hospital]
    assert find_due(app, alpha, [period for period in periods if period.due is not None]) == []
    with app.app_context():
        perform(sign(Envelope("send_due_reminders", alpha, {}, new_token())))  # one that was queued before
        assert find_hospitals("cccd", cccd) == []
