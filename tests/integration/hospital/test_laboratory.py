"""A test from order to review, through the pages: each step by who does it, and refused to others and twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.laboratory.models import (
    Flag,
    ItemStatus,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
    ReportStatus,
)
from app.domain.patients.models import Patient
from tests.integration.hospital.laboratory_at_hand import HOME, collect, enter, reported, test_id, verify
from tests.integration.hospital.pages import fields_of


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
