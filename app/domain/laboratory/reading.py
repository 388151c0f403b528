"""Reading results: one report with its versions, and a patient's values over time, of what is verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_RESULTS
from app.domain.laboratory.errors import SINCE, LabReportNotFound
from app.domain.laboratory.models import Analyte, LabOrder, LabOrderItem, LabReport, LabResult, LabTest
from app.domain.patients.queries import PatientRow, read_patient
from app.tenancy.binding import needs_revision

MOST_VERSIONS = 50
MOST_VALUES = 1500
COLUMNS = 10

_ENTERED, _VERIFIED, _REVIEWED = aliased(StaffUser), aliased(StaffUser), aliased(StaffUser)
REPORT = (
    sa.select(
        LabReport.id,
        LabReport.item_id,
        LabReport.order_id,
        LabReport.patient_id,
        LabReport.number,
        LabReport.status,
        LabReport.is_current,
        LabReport.observed_at,
        LabReport.findings,
        LabReport.interpretation,
        LabReport.correction_reason,
        LabReport.entered_at,
        LabReport.verified_at,
        LabReport.not_measured,
        LabReport.has_critical,
        LabReport.has_abnormal,
        LabReport.acknowledged_at,
        LabReport.reviewed_at,
        LabReport.released_at,
        LabOrderItem.test_name,
        LabOrderItem.kind,
        LabOrder.code.label("order_code"),
        LabOrder.ordered_at,
        LabOrder.clinical_note,
        StaffUser.full_name.label("doctor_name"),
        _ENTERED.full_name.label("entered_by_name"),
        _VERIFIED.full_name.label("verified_by_name"),
        _REVIEWED.full_name.label("reviewed_by_name"),
    )
    .join(LabOrderItem, LabOrderItem.id == LabReport.item_id)
    .join(LabOrder, LabOrder.id == LabReport.order_id)
    .join(StaffUser, StaffUser.id == LabOrder.ordered_by)
    .join(_ENTERED, _ENTERED.id == LabReport.entered_by)
    .outerjoin(_VERIFIED, _VERIFIED.id == LabReport.verified_by)
    .outerjoin(_REVIEWED, _REVIEWED.id == LabReport.reviewed_by)
)


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report as a page shows it, with the values before and its versions, the newest first."""

    row: Any
    patient: PatientRow
    values: Sequence[Any]
    versions: Sequence[Any]
    earlier: dict[UUID, Any]


@dataclass(slots=True)
class Line:
    """One analyte over time: the newest name and unit, and its values by the moment they were observed."""

    analyte_id: UUID
    name: str
    unit: str | None
    category: str
    values: list[Any] = field(default_factory=list)

    def at(self, moment: datetime) -> Any | None:
        """Return the value of one moment."""
        return next((value for value in self.values if value.observed_at == moment), None)

    @property
    def numbers(self) -> list[Any]:
        """The values that can be drawn, oldest first: numbers of the newest unit, and not mere bounds."""
        drawn = (row for row in self.values if row.value is not None and row.comparator is None)
        return [row for row in drawn if row.unit == self.unit][::-1]


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A patient's values in lines and columns, the newest moment first."""

    patient: PatientRow
    moments: list[datetime]
    lines: list[Line]


def open_report(actor: Actor, report_id: UUID, action: str = "lab_report.view") -> OpenReport:
    """Return a report for somebody to read, and write down that they did.

    Raises LabReportNotFound or PatientOutOfReach. At most seven statements.
    """
    needs_revision(SINCE)
    row = db.session.execute(REPORT.where(LabReport.id == report_id)).one_or_none()
    if row is None:
        raise LabReportNotFound
    patient, ground = read_patient(actor, row.patient_id, VIEW_RESULTS)
    record_access(ground.acting, action, subject_type="lab_report", subject_id=report_id, patient_ids=[row.patient_id])
    values = list_values(report_id)
    return OpenReport(row, patient, values, _list_versions(row.item_id), _earlier(row, values))


def list_values(report_id: UUID) -> Sequence[Any]:
    """Return the values of a report in their order."""
    query = sa.select(*sa.inspect(LabResult).columns, Analyte.explanation).join(
        Analyte, Analyte.id == LabResult.analyte_id
    )
    return db.session.execute(
        query.where(LabResult.report_id == report_id).order_by(LabResult.position, LabResult.id)
    ).all()


def open_cumulative(actor: Actor, patient_id: UUID) -> Cumulative:
    """Return a patient's verified values over time, and write down that somebody read them.

    Raises PatientNotFound or PatientOutOfReach.
    """
    needs_revision(SINCE)
    patient, ground = read_patient(actor, patient_id, VIEW_RESULTS)
    record_access(
        ground.acting, "lab_report.list", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id]
    )
    lines = gather(list_verified(patient_id))
    moments = sorted({value.observed_at for line in lines for value in line.values}, reverse=True)[:COLUMNS]
    return Cumulative(patient, moments, lines)


def list_verified(patient_id: UUID) -> Sequence[Any]:
    """Return a patient's values that stand verified, the newest first, in one statement."""
    query = (
        sa.select(
            LabResult.analyte_id,
            LabResult.report_id,
            LabResult.observed_at,
            LabResult.name,
            LabResult.unit,
            LabResult.comparator,
            LabResult.value,
            LabResult.text,
            LabResult.flag,
            LabResult.range_low,
            LabResult.range_high,
            LabTest.category,
            LabTest.position.label("test_position"),
            Analyte.position,
        )
        .join(LabReport, LabReport.id == LabResult.report_id)
        .join(Analyte, Analyte.id == LabResult.analyte_id)
        .join(LabTest, LabTest.id == Analyte.test_id)
        .where(LabResult.patient_id == patient_id, LabReport.is_current)
        .order_by(LabResult.observed_at.desc(), LabResult.id)
        .limit(MOST_VALUES)
    )
    return db.session.execute(query).all()


def gather(rows: Sequence[Any]) -> list[Line]:
    """Put values, the newest first, into lines in the order of the catalogue."""
    lines: dict[UUID, Line] = {}
    order: dict[UUID, tuple[Any, ...]] = {}
    for row in rows:
        line = lines.setdefault(row.analyte_id, Line(row.analyte_id, row.name, row.unit, row.category))
        order.setdefault(row.analyte_id, (row.category, row.test_position, row.position, row.name))
        line.values.append(row)
    return sorted(lines.values(), key=lambda line: order[line.analyte_id])


def usual_of(line: Line) -> tuple[Decimal | None, Decimal | None]:
    """Return the range that the newest value was compared with."""
    return line.values[0].range_low, line.values[0].range_high


def _list_versions(item_id: UUID) -> Sequence[Any]:
    query = (
        sa.select(
            LabReport.id,
            LabReport.number,
            LabReport.status,
            LabReport.is_current,
            LabReport.entered_at,
            LabReport.verified_at,
            LabReport.correction_reason,
            StaffUser.full_name.label("entered_by_name"),
        )
        .join(StaffUser, StaffUser.id == LabReport.entered_by)
        .where(LabReport.item_id == item_id)
        .order_by(LabReport.number.desc())
        .limit(MOST_VERSIONS)
    )
    return db.session.execute(query).all()


def _earlier(row: Any, values: Sequence[Any]) -> dict[UUID, Any]:
    """Return the value of each analyte before this report's, of what stands verified."""
    if not values:
        return {}
    query = (
        sa.select(
            LabResult.analyte_id, LabResult.value, LabResult.text, LabResult.comparator, LabResult.unit,
            LabResult.observed_at,
        )
        .join(LabReport, LabReport.id == LabResult.report_id)
        .where(
            LabResult.patient_id == row.patient_id,
            LabResult.analyte_id.in_([value.analyte_id for value in values]),
            LabReport.is_current,
            LabReport.item_id != row.item_id,
            LabResult.observed_at <= row.observed_at,
        )
        .ext(distinct_on(LabResult.analyte_id))
        .order_by(LabResult.analyte_id, LabResult.observed_at.desc())
    )  # fmt: skip
    return {value.analyte_id: value for value in db.session.execute(query)}
