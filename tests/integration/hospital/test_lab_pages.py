"""The laboratory's pages: what they show to whom, in how few statements, and how the catalogue is kept."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.laboratory.models import (
    Flag,
    LabOrderItem,
    LabReport,
    LabTest,
)
from app.domain.patients.models import Confidentiality, Patient
from tests.integration.hospital.laboratory_at_hand import HOME, collect, enter, test_id, verify
from tests.integration.hospital.pages import fields_of
from tests.integration.hospital.results_at_hand import make_report
from tests.support.queries import count_queries


def test_pages_need_few_statements_however_much_there_is(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD", "CTM", "GLU", "CRE")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    collect(first, case)
    for item in case.items:
        with bound(alpha):
            kind = db.session.scalars(
                sa.select(LabTest.code)
                .join(LabOrderItem, LabOrderItem.test_id == LabTest.id)
                .where(LabOrderItem.id == item)
            ).one()
        code = {"DGD": "K", "CTM": "WBC", "GLU": "GLU", "CRE": "CRE"}[kind]
        assert (
            enter(first, item, {code: {"K": "4", "WBC": "6", "GLU": "5", "CRE": "80"}[code]}, bound).status_code == 303
        )
        assert verify(second, item, bound).status_code == 303
    for person, url, most in (
        (first, f"{HOME}/laboratory?work=verify", 6),
        (case.doctor, f"{HOME}/results", 7),
        (case.doctor, f"{HOME}/lab-orders/{case.order}", 9),
        (case.doctor, f"{HOME}/patients/{case.patient_id}/lab-orders", 9),
    ):
        person.get(url)
        with count_queries() as statements:
            assert person.get(url).status_code == 200
        assert len(statements) <= most, (url, len(statements), statements)


@pytest.mark.parametrize("role", ["receptionist", "pharmacist", "cashier", "nurse"])
def test_others_neither_order_nor_enter(alpha, sign_in_staff, ordered, role) -> None:
    case = ordered("DGD")
    person = sign_in_staff(alpha, role)
    assert person.get(f"{HOME}/patients/{case.patient_id}/lab-orders/new").status_code == 403
    assert person.get(f"{HOME}/lab-tests/{case.item}/results").status_code == 403
    assert person.get(f"{HOME}/results").status_code == 403


def test_a_consultation_orders_without_losing_its_note(bound, alpha, consultation) -> None:
    case = consultation()
    with bound(alpha):
        sodium = str(test_id("DGD"))
    sent = {**fields_of(case.doctor.get(case.url)), "complaint": "Chóng mặt ba ngày"}
    ordering = case.doctor.post(f"{case.url}/lab-orders", data=sent)
    assert ordering.status_code == 303
    page = case.doctor.get(ordering.location)
    query = ordering.location.partition("?")[2]
    url = f"{HOME}/patients/{case.patient_id}/lab-orders?{query}"
    answer = case.doctor.post(url, data={**fields_of(page), "tests": [sodium]})
    assert answer.status_code == 303
    page = case.doctor.get(answer.location).get_data(as_text=True)
    assert "Chóng mặt ba ngày" in page
    assert "XN-" in page


@pytest.fixture
def catalogue_as_it_was(platform, alpha) -> Any:
    """Take out afterwards what a test has put into the catalogue and the settings."""
    yield
    with platform.admin(alpha) as connection:
        connection.execute("DELETE FROM lab_reference_ranges WHERE created_by IS NOT NULL")
        connection.execute("DELETE FROM lab_analytes WHERE code = 'FE'")
        connection.execute("DELETE FROM lab_tests WHERE code = 'FE'")
        connection.execute("DELETE FROM settings WHERE key = 'laboratory'")


@pytest.mark.usefixtures("catalogue_as_it_was")
def test_the_catalogue_is_kept_by_who_may(alpha, sign_in_staff) -> None:
    keeper = sign_in_staff(alpha, "administrator")
    url = f"{HOME}/laboratory/catalogue"
    assert sign_in_staff(alpha, "doctor").get(url).status_code == 403
    new = {"code": "fe", "name": "Sắt huyết thanh", "category": "Hóa sinh", "kind": "laboratory", "specimen": ""}
    page = keeper.get(f"{url}/tests/new")
    assert keeper.post(f"{url}/tests", data={**fields_of(page), **new}).status_code == 422
    made = keeper.post(f"{url}/tests", data={**fields_of(page), **new, "specimen": "blood_serum"})
    assert made.status_code == 303
    page = keeper.get(f"{made.location}/analytes/new")
    analyte = {"code": "FE", "name": "Sắt", "unit": "µmol/L", "physical_low": "0", "physical_high": "500"}
    sent = {**fields_of(page), **analyte, "critical_high": "600"}
    assert keeper.post(f"{made.location}/analytes", data=sent).status_code == 422
    made = keeper.post(f"{made.location}/analytes", data={**sent, "critical_high": "100"})
    assert made.status_code == 303
    page = keeper.get(made.location)
    typed = {"sex": "male", "from_age": "18", "age_unit": "years", "low": "11", "high": "28"}
    limits = {**fields_of(page), **{f"range-{name}": value for name, value in typed.items()}}
    assert keeper.post(f"{made.location}/ranges", data=limits).status_code == 303
    assert keeper.post(f"{made.location}/ranges", data=limits).status_code == 422, "one range at an age"
    assert "11–28" in keeper.get(made.location).get_data(as_text=True)
    settings = f"{HOME}/laboratory/settings"
    page = keeper.get(settings)
    assert keeper.post(settings, data={**fields_of(page), "release": "at_once", "hours": "0"}).status_code == 422
    assert keeper.post(settings, data={**fields_of(page), "release": "at_once", "hours": "24"}).status_code == 303


def test_what_was_measured_before_is_not_shown_of_whom_only_what_is_measured_may_be_seen(
    bound, alpha, sign_in_staff, ordered
) -> None:
    case = ordered("DGD")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    with bound(alpha):
        make_report(case.patient_id, case.doctor.person["id"], {"K": ("5.6", Flag.HIGH)}, days_ago=20)
    collect(first, case)
    enter(first, case.item, {"K": "4,1"}, bound)
    url = f"{HOME}/lab-tests/{case.item}/verify"
    assert "5,6" in second.get(url).text
    with bound(alpha):
        restricted = {"confidentiality": Confidentiality.RESTRICTED}
        db.session.execute(sa.update(Patient).where(Patient.id == case.patient_id).values(**restricted))
    page = second.get(url).text
    assert "4,1" in page
    assert "5,6" not in page


def test_what_is_missing_is_named_and_has_to_be_ticked(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    collect(first, case)
    enter(first, case.item, {"K": "4,1"}, bound)
    url = f"{HOME}/lab-tests/{case.item}"
    for page in (first.get(f"{url}/results"), second.get(f"{url}/verify")):
        assert "Natri, Clo" in page.text
    with bound(alpha):
        report = db.session.scalars(sa.select(LabReport.id)).one()
    answer = second.post(f"{HOME}/lab-reports/{report}/verify", data=fields_of(second.get(f"{url}/verify")))
    assert answer.status_code == 422
    assert verify(second, case.item, bound).status_code == 303
    assert "Natri, Clo" in case.doctor.get(f"{HOME}/lab-reports/{report}").text
    assert case.doctor.get(f"{HOME}/lab-reports/{report}/print").data.startswith(b"%PDF")


def test_findings_can_be_called_critical_and_are_taken_note_of(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("XQNGUC")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    enter(first, case.item, {}, bound, findings="Tràn khí áp lực", called_critical="y")
    enter(second, case.item, {}, bound)  # saved as it is, with the tick as it was
    assert "chính bạn đã ghi" in first.get(f"{HOME}/lab-tests/{case.item}/verify").text.lower()
    assert verify(first, case.item, bound).status_code == 403
    assert verify(second, case.item, bound).status_code == 303
    with bound(alpha):
        report = db.session.scalars(sa.select(LabReport.id)).one()
    url = f"{HOME}/lab-reports/{report}/acknowledge"
    assert case.doctor.submit(url, page=f"{HOME}/results").status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(LabReport.acknowledged_by)).one() == case.doctor.person["id"]
