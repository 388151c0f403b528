"""A test from order to review, through the pages: each step by who does it, and refused to others and twice."""

from __future__ import annotations

import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.laboratory.models import (
    Analyte,
    Flag,
    ItemStatus,
    LabOrder,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
    LabTest,
    ReportStatus,
)
from app.domain.patients.models import Patient
from tests.integration.hospital.pages import fields_of
from tests.support.queries import count_queries

HOME = "/h/alpha/hospital"


def test_id(code: str) -> Any:
    return db.session.scalars(sa.select(LabTest.id).where(LabTest.code == code)).one()


test_id.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def ordered(bound, alpha, visit) -> Any:
    """`ordered("DGD")`: a visit whose doctor has ordered these tests by the page; `.item` is the first's id."""

    def make(*codes: str, **sent: Any) -> SimpleNamespace:
        seen = visit()
        with bound(alpha):
            ids = [str(test_id(code)) for code in codes]
        url = f"{HOME}/patients/{seen.patient_id}/lab-orders"
        page = seen.doctor.get(f"{url}/new")
        answer = seen.doctor.post(f"{url}?visit={seen.id}", data={**fields_of(page), "tests": ids, **sent})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        with bound(alpha):
            order = db.session.scalars(sa.select(LabOrder)).one()
            items = db.session.scalars(sa.select(LabOrderItem.id).order_by(LabOrderItem.id)).all()
            return SimpleNamespace(
                **vars(seen) | {"visit_id": seen.id}, order=order.id, code=order.code, item=items[0], items=items
            )

    return make


def collect(person: Any, case: Any) -> Any:
    url = f"{HOME}/lab-orders/{case.order}/specimens"
    page = person.get(url)
    kinds = re.findall(r'name="kinds"[^>]*value="(\w+)"', page.get_data(as_text=True))
    return person.post(url, data={**fields_of(page), "kinds": kinds})


def enter(person: Any, item: Any, values: dict[str, str], bound: Any, **words: str) -> Any:
    url = f"{HOME}/lab-tests/{item}/results"
    with bound("alpha"):
        known = dict(db.session.execute(sa.select(Analyte.code, Analyte.id)).all())
    typed = {f"value_{known[code].hex}": value for code, value in values.items()}
    return person.post(url, data={**fields_of(person.get(url)), **typed, **words})


def verify(person: Any, item: Any, bound: Any) -> Any:
    with bound("alpha"):
        newest = sa.select(LabReport.id).where(LabReport.item_id == item).order_by(LabReport.number.desc()).limit(1)
        report = db.session.scalars(newest).one()
    page = person.get(f"{HOME}/lab-tests/{item}/verify")
    return person.post(f"{HOME}/lab-reports/{report}/verify", data={**fields_of(page), "incomplete": "y"})


def reported(person: Any, other: Any, case: Any, values: dict[str, str], bound: Any) -> Any:
    """Collect, enter and verify; return the report's id."""
    assert collect(person, case).status_code == 303
    assert enter(person, case.item, values, bound).status_code == 303
    assert verify(other, case.item, bound).status_code == 303
    with bound("alpha"):
        return db.session.scalars(sa.select(LabReport.id).where(LabReport.is_current)).one()


def test_a_test_goes_from_order_to_review(bound, alpha, sign_in_staff, ordered, sign_in_patient) -> None:
    case = ordered("DGD")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    assert case.code in first.get(f"{HOME}/laboratory?work=collect").get_data(as_text=True)
    assert collect(first, case).status_code == 303
    labels = first.get(f"{HOME}/lab-orders/{case.order}/labels.pdf")
    assert labels.data.startswith(b"%PDF")
    assert enter(first, case.item, {"NA": "138", "K": "7,1", "CL": "101"}, bound).status_code == 303
    assert "người thứ hai" in first.get(f"{HOME}/lab-tests/{case.item}/verify").get_data(as_text=True).lower()
    assert verify(first, case.item, bound).status_code == 403
    assert verify(second, case.item, bound).status_code == 303
    with bound(alpha):
        report = db.session.scalars(sa.select(LabReport)).one()
        flags = {row.name: row.flag for row in db.session.scalars(sa.select(LabResult))}
        assert (report.status, report.has_critical, report.released_at) == (ReportStatus.VERIFIED, True, None)
        assert list(flags.values()).count(Flag.CRITICAL_HIGH) == 1
        report_id = report.id
    inbox = case.doctor.get(f"{HOME}/results").get_data(as_text=True)
    assert "7,1" in inbox
    assert case.doctor.submit(
        f"{HOME}/lab-reports/{report_id}/acknowledge", page=f"{HOME}/results"
    ).status_code == 303  # fmt: skip
    for _turn in range(2):
        answer = case.doctor.submit(f"{HOME}/lab-reports/{report_id}/review", page=f"{HOME}/lab-orders/{case.order}")
        assert answer.status_code == 303
    with bound(alpha):
        report = db.session.scalars(sa.select(LabReport)).one()
        doctor = case.doctor.person["id"]
        assert (report.acknowledged_by, report.reviewed_by, report.released_at) == (doctor, doctor, clock.now())


def test_a_value_that_cannot_be_is_asked_back_and_nothing_typed_is_lost(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD")
    technician = sign_in_staff(alpha, "lab_technician")
    collect(technician, case)
    answer = enter(technician, case.item, {"NA": "138", "K": "42"}, bound)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="138"' in page
    assert 'value="42"' in page
    with bound(alpha):
        assert db.session.scalars(sa.select(LabReport)).all() == []


def test_a_correction_is_a_new_version_with_a_reason(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    reported(first, second, case, {"K": "4,1"}, bound)
    assert enter(first, case.item, {"K": "4,4"}, bound).status_code == 422, "a correction needs a reason"
    assert enter(first, case.item, {"K": "4,4"}, bound, correction_reason="Nhầm ống").status_code == 303
    assert verify(second, case.item, bound).status_code == 303
    with bound(alpha):
        reports = db.session.scalars(sa.select(LabReport).order_by(LabReport.number)).all()
        assert [(one.number, one.status, one.is_current) for one in reports] == [
            (1, ReportStatus.CORRECTED, False),
            (2, ReportStatus.VERIFIED, True),
        ]
        values = db.session.scalars(sa.select(LabResult.value).order_by(LabResult.id)).all()
        assert values == [Decimal("4.1"), Decimal("4.4")]
    assert "Nhầm ống" in case.doctor.get(f"{HOME}/lab-orders/{case.order}").get_data(as_text=True)


def test_a_rejected_specimen_is_collected_again_under_another_label(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD")
    technician = sign_in_staff(alpha, "lab_technician")
    collect(technician, case)
    assert collect(technician, case).status_code in (409, 422), "nothing is collected twice"
    with bound(alpha):
        specimen = db.session.scalars(sa.select(LabSpecimen.id)).one()
    url = f"{HOME}/lab-specimens/{specimen}/reject"
    assert technician.submit(url, {"reason": ""}).status_code == 422
    assert technician.submit(url, {"reason": "Tan huyết"}).status_code == 303
    assert technician.submit(url, {"reason": "Tan huyết"}).status_code == 409
    assert collect(technician, case).status_code == 303
    with bound(alpha):
        assert len(set(db.session.scalars(sa.select(LabSpecimen.code)))) == 2
        assert db.session.scalars(sa.select(LabOrderItem.status)).one() is ItemStatus.COLLECTED


def test_nothing_is_ordered_for_who_has_died_nor_twice_unmeant(bound, alpha, ordered) -> None:
    case = ordered("DGD", "XQNGUC")
    url = f"{HOME}/patients/{case.patient_id}/lab-orders"
    with bound(alpha):
        sodium = str(test_id("DGD"))
    sent = {**fields_of(case.doctor.get(f"{url}/new")), "tests": [sodium]}
    again = case.doctor.post(url, data=sent)
    assert again.status_code == 422
    assert case.code in again.get_data(as_text=True)
    assert case.doctor.post(url, data={**sent, "despite_open": "y"}).status_code == 303
    assert case.doctor.post(url, data={**sent, "tests": []}).status_code == 422
    with bound(alpha):
        patient = db.session.get_one(Patient, case.patient_id)
        patient.deceased_on = clock.now().date()
    assert case.doctor.post(url, data={**sent, "despite_open": "y"}).status_code == 409


def test_what_was_not_begun_can_be_cancelled(bound, alpha, ordered) -> None:
    case = ordered("DGD")
    url = f"{HOME}/lab-tests/{case.item}/cancel"
    page = case.doctor.get(url)
    assert case.doctor.post(url, data={**fields_of(page), "reason": ""}).status_code == 422
    assert case.doctor.post(url, data={**fields_of(page), "reason": "Đã có kết quả"}).status_code == 303
    assert case.doctor.post(url, data={**fields_of(page), "reason": "Lần nữa"}).status_code == 409


def test_findings_of_imaging_need_no_specimen(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("XQNGUC")
    first, second = sign_in_staff(alpha, "lab_technician"), sign_in_staff(alpha, "lab_technician")
    assert enter(first, case.item, {}, bound).status_code == 422
    answer = enter(first, case.item, {}, bound, findings="Hai phổi sáng", interpretation="Không bất thường")
    assert answer.status_code == 303
    assert verify(second, case.item, bound).status_code == 303
    assert "Hai phổi sáng" in case.doctor.get(f"{HOME}/results").get_data(as_text=True)


def test_results_are_imported_and_wrong_rows_are_named(bound, alpha, sign_in_staff, ordered) -> None:
    case = ordered("DGD")
    technician = sign_in_staff(alpha, "lab_technician")
    collect(technician, case)
    with bound(alpha):
        label = db.session.scalars(sa.select(LabSpecimen.code)).one()
    rows = f"specimen;analyte;value\n{label};NA;139\n{label};K;44\nM99999999;NA;140\n{label};CL;\n"
    content = ("﻿" + rows).encode("utf-16-le")

    def send(act: str) -> Any:
        from io import BytesIO

        page = technician.get(f"{HOME}/laboratory/import")
        data = {**fields_of(page), "act": act, "file": (BytesIO(content), "may.csv")}
        return technician.post(f"{HOME}/laboratory/import", data=data, content_type="multipart/form-data")

    page = send("check").get_data(as_text=True)
    assert page.count('<th scope="row"') == 3, "three rows are named"
    with bound(alpha):
        assert db.session.scalars(sa.select(LabReport)).all() == []
    for _turn in range(2):
        assert send("import").status_code == 200
    with bound(alpha):
        assert db.session.scalars(sa.select(LabResult.value)).all() == [Decimal(139)]


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
