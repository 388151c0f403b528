"""Entering results: a draft of values and findings that others verify, and the draft that corrects a verified one.

Who entered a value is kept with each value, so that nobody verifies what they entered themselves, whoever was last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.identity.permissions import ENTER_RESULTS
from app.domain.laboratory.errors import SINCE, NotThatFar, verified_is_final
from app.domain.laboratory.measuring import list_measures
from app.domain.laboratory.models import (
    Flag,
    ItemStatus,
    LabKind,
    LabOrder,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
    ReportStatus,
)
from app.domain.laboratory.noting import note
from app.domain.laboratory.ordering import hold_item
from app.domain.laboratory.rules import Measure, Reading, flag_of
from app.tenancy.binding import needs_revision

LONGEST_FINDINGS = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: values by analyte, and words; `correction_reason` where it corrects what is verified."""

    values: Mapping[UUID, Reading] = field(default_factory=dict)
    findings: str | None = None
    interpretation: str | None = None
    correction_reason: str | None = None


def enter_results(actor: Actor, item_id: UUID, version: int, entry: Entry) -> LabReport:
    """Write down what was found, as a draft for somebody else to verify; what is left out is taken out.

    Raises LabOrderNotFound, PatientOutOfReach, StaleVersion, NotThatFar where nothing was collected or all is over,
    InvalidValue where nothing was entered or a correction says no reason.
    """
    needs_revision(SINCE)
    item = hold_item(item_id)
    actor = authorise(actor, item.patient_id, ENTER_RESULTS)
    if item.version != version:
        raise StaleVersion
    _check_words(entry)
    report = _draft_of(actor, item, entry)
    report.findings, report.interpretation = entry.findings or None, entry.interpretation or None
    assert actor.id is not None
    report.entered_by, report.entered_at, report.updated_by = actor.id, clock.now(), actor.id
    flags = _write_values(actor, item, report, entry.values)
    report.has_critical = any(flag.is_critical for flag in flags)
    report.has_abnormal = any(flag is not Flag.NORMAL for flag in flags)
    item.status, item.updated_by, item.updated_at = ItemStatus.ENTERED, actor.id, clock.now()
    with verified_is_final():
        db.session.flush()
    note(actor, "record", report, item=str(item_id), number=report.number)
    return report


def can_enter(item: LabOrderItem) -> bool:
    """Tell whether results can be entered for an ordered test as it stands."""
    if item.status is ItemStatus.CANCELLED:
        return False
    return item.kind is LabKind.IMAGING or item.status is not ItemStatus.ORDERED


def _check_words(entry: Entry) -> None:
    if not entry.values and not entry.findings:
        raise InvalidValue(_l("Enter at least one value, or what was found."), field="findings")
    for name in ("findings", "interpretation", "correction_reason"):
        if len(getattr(entry, name) or "") > LONGEST_FINDINGS:
            raise InvalidValue(_l("This text is too long."), field=name)


def _draft_of(actor: Actor, item: LabOrderItem, entry: Entry) -> LabReport:
    """Return the draft to write in: the one that there is, the first one, or the next version with its reason."""
    if not can_enter(item):
        raise NotThatFar
    drafts = sa.select(LabReport).where(LabReport.item_id == item.id).order_by(LabReport.number.desc()).limit(1)
    newest = db.session.scalars(drafts.with_for_update()).one_or_none()
    if newest is not None and newest.status is ReportStatus.DRAFT:
        return newest
    if newest is not None and not entry.correction_reason:
        raise InvalidValue(_l("Say why the verified result is corrected."), field="correction_reason")
    assert actor.id is not None
    report = LabReport(
        item_id=item.id,
        order_id=item.order_id,
        patient_id=item.patient_id,
        ordered_by=db.session.scalars(sa.select(LabOrder.ordered_by).where(LabOrder.id == item.order_id)).one(),
        number=newest.number + 1 if newest else 1,
        parent_id=newest.id if newest else None,
        correction_reason=entry.correction_reason if newest else None,
        observed_at=newest.observed_at if newest else _observed_at(item),
        entered_by=actor.id,
        entered_at=clock.now(),
        created_by=actor.id,
    )
    db.session.add(report)
    db.session.flush()
    return report


def _observed_at(item: LabOrderItem) -> datetime:
    query = sa.select(LabSpecimen.collected_at).where(LabSpecimen.id == item.specimen_id)
    return db.session.scalar(query) or clock.now()


def _write_values(actor: Actor, item: LabOrderItem, report: LabReport, values: Mapping[UUID, Reading]) -> list[Flag]:
    """Bring the draft's values to what was entered; return their flags. A value that stays keeps who entered it."""
    standing = {
        row.analyte_id: row for row in db.session.scalars(sa.select(LabResult).where(LabResult.report_id == report.id))
    }
    measures = {one.analyte_id: one for one in list_measures(item.test_id, item.patient_id, report.observed_at)}
    for analyte_id in standing.keys() - values.keys():
        db.session.delete(standing[analyte_id])
    return [
        flag
        for analyte_id, reading in values.items()
        if analyte_id in measures
        and (flag := _write_one(actor, report, measures[analyte_id], reading, standing.get(analyte_id))) is not None
    ]


def _write_one(
    actor: Actor, report: LabReport, measure: Measure, reading: Reading, row: LabResult | None
) -> Flag | None:
    assert actor.id is not None
    flag = flag_of(measure, reading)
    if row is None:
        row = LabResult(report_id=report.id, analyte_id=measure.analyte_id, patient_id=report.patient_id)
        row.observed_at = report.observed_at
        db.session.add(row)
    elif (row.value, row.text, row.comparator) == (reading.value, reading.text, reading.comparator):
        return row.flag
    row.name, row.unit, row.position = measure.name, measure.unit, measure.position
    row.value, row.text, row.comparator, row.flag = reading.value, reading.text, reading.comparator, flag
    row.range_low, row.range_high = measure.usual
    row.entered_by, row.entered_at = actor.id, clock.now()
    return flag


def values_of(report_id: UUID) -> Sequence[LabResult]:
    """Return the values of a report in the order of its test."""
    query = sa.select(LabResult).where(LabResult.report_id == report_id).order_by(LabResult.position, LabResult.id)
    return db.session.scalars(query).all()
