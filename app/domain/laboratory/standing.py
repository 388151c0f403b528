"""How ordered tests stand before something is entered: the newest version, its values, and what is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from app.core import clock
from app.core.db import db
from app.domain.laboratory.measuring import Subject, measure_all
from app.domain.laboratory.models import (
    LabOrder,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
    ReportStatus,
)
from app.domain.laboratory.rules import Measure, Reading
from app.domain.patients.models import Patient


@dataclass(frozen=True, slots=True)
class Standing:
    """One ordered test: its newest version with the values by analyte, and what is measured, or was once."""

    newest: LabReport | None
    rows: dict[UUID, LabResult]
    measures: dict[UUID, Measure]
    retired: dict[UUID, Measure]
    ordered_by: UUID
    observed_at: datetime

    @property
    def draft(self) -> LabReport | None:
        """The version that may still be changed."""
        return self.newest if self.newest is not None and self.newest.status is ReportStatus.DRAFT else None

    def readings(self) -> dict[UUID, Reading]:
        """Return the values of the draft as they were read."""
        rows = self.rows.values() if self.draft is not None else ()
        return {row.analyte_id: reading_of(row) for row in rows if row.analyte_id in self.measures}


def reading_of(row: LabResult) -> Reading:
    """Return a value as it was read."""
    return Reading(row.value, row.text, row.comparator)


def gather(items: Sequence[LabOrderItem]) -> dict[UUID, Standing]:
    """Return how ordered tests stand, by their ids; five statements however many there are."""
    newest = _newest_reports([item.id for item in items])
    rows = _rows_of([report.id for report in newest.values()])
    facts = _facts_of([item.id for item in items])
    when = {
        item.id: newest[item.id].observed_at if item.id in newest else facts[item.id].collected_at or clock.now()
        for item in items
    }
    measured = measure_all(
        {
            item.id: Subject(item.test_id, facts[item.id].sex, facts[item.id].born_on, when[item.id])
            for item in items
        }
    )  # fmt: skip
    return {
        item.id: Standing(
            newest=newest.get(item.id),
            rows=rows[newest[item.id].id] if item.id in newest else {},
            measures={one.analyte_id: one for one in measured[item.id].active},
            retired={one.analyte_id: one for one in measured[item.id].retired},
            ordered_by=facts[item.id].ordered_by,
            observed_at=when[item.id],
        )
        for item in items
    }


def _newest_reports(item_ids: Sequence[UUID]) -> dict[UUID, LabReport]:
    query = (
        sa.select(LabReport)
        .where(LabReport.item_id.in_(item_ids))
        .ext(distinct_on(LabReport.item_id))
        .order_by(LabReport.item_id, LabReport.number.desc())
        .execution_options(populate_existing=True)
    )
    return {report.item_id: report for report in db.session.scalars(query)}


def _rows_of(report_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, LabResult]]:
    found: dict[UUID, dict[UUID, LabResult]] = defaultdict(dict)
    query = sa.select(LabResult).where(LabResult.report_id.in_(report_ids))
    for row in db.session.scalars(query.execution_options(populate_existing=True)):
        found[row.report_id][row.analyte_id] = row
    return found


def _facts_of(item_ids: Sequence[UUID]) -> dict[UUID, Any]:
    query = (
        sa.select(LabOrderItem.id, LabOrder.ordered_by, LabSpecimen.collected_at, Patient.sex, Patient.born_on)
        .join(LabOrder, LabOrder.id == LabOrderItem.order_id)
        .join(Patient, Patient.id == LabOrderItem.patient_id)
        .outerjoin(LabSpecimen, LabSpecimen.id == LabOrderItem.specimen_id)
        .where(LabOrderItem.id.in_(item_ids))
    )
    return {row.id: row for row in db.session.execute(query)}
