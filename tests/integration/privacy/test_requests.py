"""Requests about data: their clock, who sees them, and what happens when they are late."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.errors import NotFound, StaleVersion
from app.domain.organisation.models import Setting
from app.domain.privacy.deadlines import due_at, reply_by
from app.domain.privacy.models import DataRequest, RequestKind, RequestState, RequestVia
from app.domain.privacy.requests import (
    ExtendedAlready,
    RequestClosed,
    TooManyOpen,
    ask,
    close,
    extend,
    get_own,
    have_overdue,
    report_overdue,
    withdraw,
)
from app.domain.security.models import HospitalSecurityEvent
from tests import factories
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

Bind = Callable[[str], Any]
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PAGES = "/h/alpha/hospital/data-requests"
OWN = "/h/alpha/patient/my-data"


@pytest.fixture
def asked(bound: Bind, alpha: str) -> Any:
    with bound(alpha):
        row = ask(ACTOR, factories.make_patient().id, RequestKind.ERASURE, "Xin xóa", RequestVia.DESK)
        return row.id


def test_a_reply_is_due_at_the_end_of_the_second_working_day() -> None:
    friday = datetime(2026, 11, 20, 15, tzinfo=ZONE)
    assert reply_by(friday, ZONE) == datetime(2026, 11, 24, 23, 59, 59, tzinfo=ZONE)
    late_in_utc = datetime(2026, 11, 22, 18, tzinfo=UTC)  # Monday already in Vietnam
    assert reply_by(late_in_utc, ZONE).date() == datetime(2026, 11, 25).date()


@pytest.mark.parametrize(
    ("kind", "chosen", "days"),
    [
        (RequestKind.EXPORT, None, 10),
        (RequestKind.OBJECTION, None, 15),
        (RequestKind.ERASURE, None, 20),
        (RequestKind.ERASURE, {"erasure": 3}, 3),
        (RequestKind.ERASURE, {"erasure": 0}, 20),
        (RequestKind.ERASURE, {"erasure": "soon"}, 20),
    ],
)
def test_the_time_of_a_request_is_the_laws_or_the_hospitals(kind: RequestKind, chosen: Any, days: int) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert due_at(kind, now, chosen) - now == timedelta(days=days)


def test_the_hospital_sets_its_own_times(bound: Bind, alpha: str) -> None:
    try:
        with bound(alpha):
            db.session.add(Setting(key="data_requests", value={"export": 2}))
        with bound(alpha):
            row = ask(ACTOR, factories.make_patient().id, RequestKind.EXPORT, "", RequestVia.PORTAL)
            assert row.due_at - row.received_at == timedelta(days=2)
    finally:
        with bound(alpha):
            db.session.execute(sa.update(Setting).where(Setting.key == "data_requests").values(value={}))


def test_asking_the_same_again_is_one_request_and_ten_are_enough(bound: Bind, alpha: str) -> None:
    with bound(alpha):
        patient = factories.make_patient().id
        first = ask(ACTOR, patient, RequestKind.ACCESS, "x", RequestVia.PORTAL)
        assert ask(ACTOR, patient, RequestKind.ACCESS, " x ", RequestVia.PORTAL).id == first.id
        for number in range(9):
            ask(ACTOR, patient, RequestKind.ACCESS, f"{number}", RequestVia.PORTAL)
        with pytest.raises(TooManyOpen):
            ask(ACTOR, patient, RequestKind.ACCESS, "one more", RequestVia.PORTAL)


def test_a_request_is_extended_once_and_closed_once(bound: Bind, alpha: str, asked: Any) -> None:
    with bound(alpha):
        row = db.session.get_one(DataRequest, asked)
        before = row.due_at
        extend(ACTOR, asked, row.version, "Hồ sơ giấy ở kho lưu trữ")
        assert row.due_at - before == timedelta(days=20)
        with pytest.raises(ExtendedAlready):
            extend(ACTOR, asked, row.version, "Vẫn chưa tìm thấy")
        with pytest.raises(StaleVersion):
            close(ACTOR, asked, row.version - 1, "Đã xong")
        close(ACTOR, asked, row.version, "Đã xong")
        with pytest.raises(RequestClosed):
            close(ACTOR, asked, row.version, "Đã xong hai lần")
        with pytest.raises(RequestClosed):
            withdraw(ACTOR, row.patient_id, asked)


def test_another_patient_does_not_reach_it(bound: Bind, alpha: str, asked: Any, sign_in_patient: Any) -> None:
    stranger = sign_in_patient(alpha)
    with bound(alpha), pytest.raises(NotFound):
        get_own(ACTOR, stranger.person["patient_id"], asked)
    assert stranger.get(f"{OWN}/requests/{asked}").status_code == 404
    assert stranger.submit(f"{OWN}/requests/{asked}/withdrawal", page=f"{OWN}/requests/new").status_code == 404
    with bound(alpha):
        assert db.session.get_one(DataRequest, asked).state is RequestState.RECEIVED


def test_an_overdue_request_raises_one_event(bound: Bind, alpha: str, asked: Any) -> None:
    with bound(alpha):
        assert not have_overdue()
    with clock.frozen_at(clock.now() + timedelta(days=21)):
        for reported in (1, 0):
            with bound(alpha):
                assert have_overdue() is bool(reported)
                assert report_overdue(ACTOR) == reported
    with bound(alpha):
        kinds = db.session.scalars(sa.select(HospitalSecurityEvent.kind)).all()
        assert kinds.count("request.overdue") == 1


def test_a_patient_asks_and_follows_and_the_hospital_answers(
    sign_in_patient: Any, sign_in_staff: Any, alpha: str, bound: Bind
) -> None:
    patient, admin = sign_in_patient(alpha), sign_in_staff(alpha, "administrator")
    assert patient.submit(f"{OWN}/requests/new", {"wish": "giữ lại"}).status_code == 422
    asked = patient.submit(f"{OWN}/requests/new", {"kind": "rectification", "wish": "Sai năm sinh"})
    assert asked.status_code == 303
    page = asked.headers["Location"]
    assert "Sai năm sinh" in patient.get(page).text
    listed = admin.get(PAGES).text
    assert patient.person["full_name"] in listed
    url = re.search(r"/data-requests/[0-9a-f-]{36}", listed)
    assert url
    request_page = f"/h/alpha/hospital{url.group()}"
    assert admin.submit(f"{request_page}/handler", {"version": 1}, page=request_page).status_code == 303
    empty = admin.submit(f"{request_page}/answer", {"version": 2, "answer": ""}, page=request_page)
    assert empty.status_code == 422
    extended = admin.submit(
        f"{request_page}/extension", {"version": 2, "extension_reason": "Chờ giấy tờ"}, page=request_page
    )
    assert extended.status_code == 303
    done = admin.submit(f"{request_page}/answer", {"version": 3, "answer": "Đã sửa năm sinh"}, page=request_page)
    assert done.status_code == 303
    shown = patient.get(page).text
    assert "Đã sửa năm sinh" in shown
    assert "Chờ giấy tờ" in shown
    assert "Đã sửa" not in sign_in_patient(alpha).get(OWN).text


def test_only_who_answers_requests_sees_them(sign_in_staff: Any, alpha: str, asked: Any) -> None:
    for role in ("doctor", "nurse", "receptionist"):
        browser = sign_in_staff(alpha, role)
        assert browser.get(PAGES).status_code == 403
        assert browser.get(f"{PAGES}/{asked}").status_code == 403


def test_the_list_takes_a_fixed_number_of_queries(sign_in_staff: Any, alpha: str, bound: Bind) -> None:
    admin = sign_in_staff(alpha, "administrator")
    seen = []
    for _ in range(2):
        with bound(alpha):
            for _ in range(5):
                ask(ACTOR, factories.make_patient().id, RequestKind.ACCESS, "", RequestVia.DESK)
        with count_queries() as queries:
            assert admin.get(PAGES).status_code == 200
        seen.append(len(queries))
    assert seen[0] == seen[1] <= 8


def test_the_desk_starts_the_clock_for_a_patient(sign_in_staff: Any, alpha: str, bound: Bind) -> None:
    admin = sign_in_staff(alpha, "administrator")
    with bound(alpha):
        patient_id = factories.make_patient().id
    page = f"/h/alpha/hospital/patients/{patient_id}/data-requests/new"
    assert admin.submit(page, {}).status_code == 422
    assert admin.submit(page, {"kind": "erasure", "wish": "Thư ngày 1/2"}).status_code == 303
    assert admin.get(f"/h/alpha/hospital/patients/{patient_id}/privacy").status_code == 200


def test_the_administrator_sets_its_own_times_on_a_page(sign_in_staff: Any, alpha: str, bound: Bind) -> None:
    admin = sign_in_staff(alpha, "administrator")
    page = f"{PAGES}/deadlines"
    days = {kind.value: 5 for kind in RequestKind}
    try:
        for wrong in ({"erasure": 0}, {"erasure": 91}, {"erasure": "x"}, {"erasure": ""}):
            assert admin.submit(page, {**days, **wrong}).status_code == 422
        assert admin.submit(page, days).status_code == 303
        with bound(alpha):
            row = ask(ACTOR, factories.make_patient().id, RequestKind.ERASURE, "", RequestVia.DESK)
            assert row.due_at - row.received_at == timedelta(days=5)
        assert sign_in_staff(alpha, "doctor").get(page).status_code == 403
    finally:
        with bound(alpha):
            db.session.execute(sa.update(Setting).where(Setting.key == "data_requests").values(value={}))
