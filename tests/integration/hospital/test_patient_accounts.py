"""Patients get into their portal by a letter or by a sheet of paper, each once; and access is taken away again."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.identity.models import PatientUser
from app.domain.identity.patient_accounts import end_sent_links
from app.domain.messages.models import OutboundMessage
from tests import factories
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}")
GOOD = "trang-len-xanh"


@pytest.fixture
def patient(alpha: str, bound) -> dict:
    with bound(alpha):
        made = factories.make_patient(email="nguoi.benh@example.vn")
        return {"id": made.id, "cccd": made.cccd}


@pytest.fixture
def desk(alpha: str, sign_in_staff) -> CheckingClient:
    return sign_in_staff(alpha, "receptionist")


def page_of(patient_id: UUID) -> str:
    return f"/h/alpha/hospital/patients/{patient_id}/portal-access"


def sheet(desk: CheckingClient, patient: dict) -> str:
    answer = desk.submit(f"{page_of(patient['id'])}/print", {}, page=page_of(patient["id"]))
    assert answer.status_code == 200
    assert 'src="data:image/png' in answer.get_data(as_text=True)
    return CODE.search(answer.get_data(as_text=True))[0]


def signed_in(client: CheckingClient, patient: dict, password: str) -> int:
    return client.submit("/h/alpha/patient/sign-in", {"username": patient["cccd"], "password": password}).status_code


def test_a_sheet_of_paper_lets_a_patient_choose_a_password_once(desk, patient, client: CheckingClient) -> None:
    code = sheet(desk, patient)
    typed = client.submit("/h/alpha/patient/invitation", {"code": code.lower().replace("-", " ")})
    assert typed.status_code == 303
    page = client.get(typed.location)
    assert page.status_code == 200
    refused = client.submit(typed.location, {"password": patient["cccd"]})
    assert refused.status_code == 422
    assert client.submit(typed.location, {"password": GOOD}).status_code == 303
    assert client.get(typed.location).status_code == 404
    assert signed_in(client, patient, GOOD) == 303
    assert client.submit("/h/alpha/patient/invitation", {"code": code}).status_code == 422


def test_a_new_sheet_ends_the_one_before(desk, patient, client: CheckingClient) -> None:
    first, second = sheet(desk, patient), sheet(desk, patient)
    assert client.submit("/h/alpha/patient/invitation", {"code": first}).status_code == 422
    assert client.submit("/h/alpha/patient/invitation", {"code": second}).status_code == 303


def test_a_sheet_ends_after_a_week(desk, patient, client: CheckingClient, monkeypatch) -> None:
    code = sheet(desk, patient)
    later = clock.now() + timedelta(days=7, hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert client.submit("/h/alpha/patient/invitation", {"code": code}).status_code == 422


def test_a_code_is_nobodys_at_the_other_hospital(desk, patient, client: CheckingClient, beta: str) -> None:
    code = sheet(desk, patient)
    assert client.submit("/h/beta/patient/invitation", {"code": code}).status_code == 422
    assert client.get(f"/h/alpha/hospital/invitation/{code}").status_code == 404


def test_guessing_codes_is_slowed_down(alpha: str, client: CheckingClient) -> None:
    answers = [client.submit("/h/alpha/patient/invitation", {"code": "AAAA-BBBB-2222"}).status_code for _n in range(12)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_a_letter_invites_who_has_an_address(desk, patient, client: CheckingClient, bound) -> None:
    page = page_of(patient["id"])
    assert desk.submit(f"{page}/invite", {}, page=page).status_code == 303
    with bound("alpha"):
        letter = db.session.scalars(sa.select(OutboundMessage)).one()
        assert letter.patient_id == patient["id"]
        link = re.search(r"(/h/alpha/patient/invitation/[\w-]{43})", letter.body)[1]
    assert client.submit(link, {"password": GOOD}).status_code == 303
    assert signed_in(client, patient, GOOD) == 303


def test_a_forgotten_password_is_replaced_at_the_desk_and_ends_sessions(
    desk, alpha, sign_in_patient, bound, client
) -> None:
    browser = sign_in_patient(alpha)
    patient = {"id": browser.person["patient_id"], "cccd": browser.person["cccd"]}
    code = sheet(desk, patient)
    assert browser.get("/h/alpha/patient/home").status_code == 200, "until it is used nothing changes"
    assert client.submit(f"/h/alpha/patient/invitation/{code}", {"password": GOOD}).status_code == 303
    assert browser.get("/h/alpha/patient/home").status_code in (303, 401)


def test_access_is_taken_away_at_once_and_given_back(desk, alpha, sign_in_patient, bound, client) -> None:
    browser = sign_in_patient(alpha)
    patient_id = browser.person["patient_id"]
    page = page_of(patient_id)
    code = sheet(desk, {"id": patient_id})
    assert desk.submit(f"{page}/disable", {"reason": ""}, page=page).status_code == 422
    assert desk.submit(f"{page}/disable", {"reason": "Người nhà yêu cầu"}, page=page).status_code == 303
    assert browser.get("/h/alpha/patient/home").status_code in (303, 401)
    assert client.submit("/h/alpha/patient/invitation", {"code": code}).status_code == 422
    assert desk.submit(f"{page}/print", {}, page=page).status_code == 409
    assert desk.submit(f"{page}/enable", {}, page=page).status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(PatientUser.disabled_at)).one() is None


def test_a_patient_who_has_no_number_cannot_be_given_access(desk, alpha, bound) -> None:
    with bound(alpha):
        patient_id = factories.make_patient(cccd=None, phone=None).id
    page = page_of(patient_id)
    assert desk.submit(f"{page}/print", {}, page=page).status_code == 409
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(PatientUser.id))) == 0


def test_who_may_not_sees_nothing_of_it(alpha, sign_in_staff, patient) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    assert doctor.get(page_of(patient["id"])).status_code == 403
    assert doctor.submit(f"{page_of(patient['id'])}/print", {}, page="/h/alpha/hospital/account").status_code == 403


def test_another_hospitals_patient_is_nobody(desk, beta: str, bound) -> None:
    with bound(beta):
        other = factories.make_patient().id
    for patient_id in (other, new_id()):
        assert desk.get(page_of(patient_id)).status_code == 404


def test_the_page_asks_little(desk, patient) -> None:
    sheet(desk, patient)
    with count_queries() as seen:
        assert desk.get(page_of(patient["id"])).status_code == 200
    assert len(seen) <= 12, list(seen)


def test_a_link_to_an_address_of_before_opens_nothing_and_a_sheet_still_does(
    desk, patient, client: CheckingClient, bound
) -> None:
    page = page_of(patient["id"])
    assert desk.submit(f"{page}/invite", {}, page=page).status_code == 303
    with bound("alpha"):
        body = db.session.scalars(sa.select(OutboundMessage.body)).one()
        link = re.search(r"(/h/alpha/patient/invitation/[\w-]{43})", body)[1]
        end_sent_links(patient["id"])
    assert client.get(link).status_code == 404
    code = sheet(desk, patient)
    with bound("alpha"):
        end_sent_links(patient["id"])
    assert client.submit("/h/alpha/patient/invitation", {"code": code}).status_code == 303
