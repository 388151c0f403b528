"""A patient's own results, as that patient reads them: only what is released and in force, row-level security besides.

What a value means for the reader is said in the words of app/patient/result_words.py, never guessed beyond the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.laboratory.errors import SINCE, LabReportNotFound
from app.domain.laboratory.models import Analyte, LabOrder, LabOrderItem, LabReport, LabResult, LabTest
from app.domain.paging import Page, offset_of
from app.tenancy.binding import needs_revision

PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class OwnReport:
    """A released report with its values."""

    row: Any
    values: Sequence[Any]


def list_own_results(actor: Actor, patient_id: UUID, number: int = 1) -> Page[Any]:
    """Return a patient's released results, the newest first, and write down that they were read."""
    needs_revision(SINCE)
    total = db.session.scalar(sa.select(sa.func.count()).select_from(LabReport).where(*_released(patient_id))) or 0
    query = _select().where(*_released(patient_id)).order_by(LabReport.observed_at.desc(), LabReport.id)
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(number, PER_PAGE))).all()
    record_access(actor, "own.results", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return Page(rows, number, PER_PAGE, total)


def open_own_report(actor: Actor, patient_id: UUID, report_id: UUID) -> OwnReport:
    """Return a patient's own released report; raises LabReportNotFound for anything else. Three statements."""
    needs_revision(SINCE)
    row = db.session.execute(_select().where(LabReport.id == report_id, *_released(patient_id))).one_or_none()
    if row is None:
        raise LabReportNotFound
    record_access(actor, "own.result", subject_type="lab_report", subject_id=report_id, patient_ids=[patient_id])
    query = (
        sa.select(
            LabResult.name,
            LabResult.unit,
            LabResult.comparator,
            LabResult.value,
            LabResult.text,
            LabResult.flag,
            LabResult.range_low,
            LabResult.range_high,
            Analyte.name_en,
            Analyte.explanation,
        )
        .join(Analyte, Analyte.id == LabResult.analyte_id)
        .where(LabResult.report_id == report_id, LabResult.patient_id == patient_id)
        .order_by(LabResult.position, LabResult.id)
    )
    return OwnReport(row, db.session.execute(query).all())


def _released(patient_id: UUID) -> list[sa.ColumnElement[bool]]:
    return [LabReport.patient_id == patient_id, LabReport.is_current.is_(True), LabReport.released_at <= clock.now()]


def _select() -> sa.Select[Any]:
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            LabReport.id,
            LabReport.item_id,
            LabReport.number,
            LabReport.observed_at,
            LabReport.released_at,
            LabReport.findings,
            LabReport.interpretation,
            LabReport.not_measured,
            LabReport.has_critical,
            LabReport.has_abnormal,
            LabOrderItem.test_name,
            LabTest.name_en,
            LabOrder.code.label("order_code"),
            StaffUser.full_name.label("doctor_name"),
        )
        .join(LabOrderItem, LabOrderItem.id == LabReport.item_id)
        .join(LabTest, LabTest.id == LabOrderItem.test_id)
        .join(LabOrder, LabOrder.id == LabReport.order_id)
        .join(StaffUser, StaffUser.id == LabOrder.ordered_by)
    )
    return query
