"""Tests that were ordered go with the records: those of a purged visit, and old ones without a visit with the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.laboratory.models import Flag, LabOrder, LabReport, LabResult
from app.domain.privacy.retention import get_certificate
from app.domain.records.models import MedicalRecord
from tests.integration.hospital.results_at_hand import make_report
from tests.integration.privacy.test_retention import confirm, old_records, perform
from tests.support.platform import Platform

__all__ = ["old_records"]
Bind = Callable[[str], Any]


def _order(patient_id: Any, doctor_id: Any, years: int) -> Any:
    report = make_report(patient_id, doctor_id, {"K": ("4.1", Flag.NORMAL)}, days_ago=years * 366)
    return report.order_id


def _left(bound: Bind, patient_id: Any) -> list[Any]:
    with bound("alpha"):
        return list(db.session.scalars(sa.select(LabOrder.id).where(LabOrder.patient_id == patient_id)))


def test_old_orders_without_a_visit_go_with_the_last_record_and_are_counted(
    app: Flask, bound: Bind, old_records: Any, platform: Platform
) -> None:
    patient_id = old_records.patient_id
    with platform.admin("alpha") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM medical_records WHERE status = 'draft' AND patient_id = %s", (patient_id,))
    with bound("alpha"):
        doctor_id = db.session.scalars(sa.select(MedicalRecord.doctor_id).limit(1)).one()
        before = set(db.session.scalars(sa.select(LabOrder.id).where(LabOrder.patient_id == patient_id)))
        old, new = _order(patient_id, doctor_id, 11), _order(patient_id, doctor_id, 1)
        other = _order(old_records.other_patient_id, doctor_id, 11)
    purge_id = confirm(bound, "records.general")
    perform(app)
    left = set(_left(bound, patient_id))
    assert old not in left, "it is as old as the last record, which is gone"
    assert new in left, "it is not past its time"
    assert left <= before | {new}
    assert other in _left(bound, old_records.other_patient_id)
    with bound("alpha"):
        deleted = get_certificate(purge_id)["document"]["deleted_rows"]
        assert deleted["lab_orders"] == len(before | {old, new}) - len(left)
        assert deleted["lab_results"] >= 1
        kept = sa.select(LabResult.id).join(LabReport, LabReport.id == LabResult.report_id)
        assert db.session.scalars(kept.where(LabReport.order_id == new)).all() != []


def test_orders_stay_while_the_patient_has_another_record(app: Flask, bound: Bind, old_records: Any) -> None:
    with bound("alpha"):
        left = sa.select(MedicalRecord.id).where(
            MedicalRecord.patient_id == old_records.patient_id, MedicalRecord.signed_at.is_(None)
        )
        assert db.session.scalars(left).all() != [], "a draft, which is not past its time"
        doctor_id = db.session.scalars(sa.select(MedicalRecord.doctor_id).limit(1)).one()
        old = _order(old_records.patient_id, doctor_id, 11)
    confirm(bound, "records.general")
    perform(app)
    assert old in _left(bound, old_records.patient_id)
