"""What of the laboratory the small world has: an order of each patient with a test at every stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.laboratory.models import (
    Analyte,
    Flag,
    ItemStatus,
    LabOrder,
    LabOrderItem,
    LabPanel,
    LabPriority,
    LabReport,
    LabResult,
    LabSpecimen,
    LabTest,
    ReferenceRange,
    ReportStatus,
)

# Added to the patient's own.
ORDER, ORDERED, COLLECTED, ENTERED, VERIFIED, SPECIMEN, TUBE, DRAFT, REPORT = range(4000, 4009)
TESTS = {ORDERED: "CTM", COLLECTED: "GLU", ENTERED: "DGD", VERIFIED: "CRE"}
STAGES = {
    ORDERED: ItemStatus.ORDERED,
    COLLECTED: ItemStatus.COLLECTED,
    ENTERED: ItemStatus.ENTERED,
    VERIFIED: ItemStatus.VERIFIED,
}

MakeId = Callable[[int], UUID]


def build_laboratory_of_patient(make_id: MakeId, patient_id: UUID, visit_id: UUID, doctor_id: UUID, word: str) -> None:
    """Give a patient an order: one test waits, one was collected, one entered, one verified with a critical value."""
    of = {"order_id": make_id(ORDER), "patient_id": patient_id}
    db.session.add(
        LabOrder(
            id=make_id(ORDER), patient_id=patient_id, appointment_id=visit_id, ordered_by=doctor_id,
            ordered_at=clock.now(), priority=LabPriority.ROUTINE, clinical_note=word,
        )
    )  # fmt: skip
    db.session.flush()
    tests = {row.code: row for row in db.session.scalars(sa.select(LabTest).where(LabTest.code.in_(TESTS.values())))}
    for number, code in ((SPECIMEN, "GLU"), (TUBE, "DGD")):
        db.session.add(
            LabSpecimen(
                id=make_id(number), kind=tests[code].specimen, collected_at=clock.now(), collected_by=doctor_id, **of
            )
        )
    db.session.flush()
    tubes = {COLLECTED: SPECIMEN, ENTERED: TUBE, VERIFIED: TUBE}
    for number, code in TESTS.items():
        test = tests[code]
        db.session.add(
            LabOrderItem(
                id=make_id(number), test_id=test.id, test_name=test.name, kind=test.kind, specimen=test.specimen,
                specimen_id=make_id(tubes[number]) if number in tubes else None, status=STAGES[number], **of,
            )
        )  # fmt: skip
    db.session.flush()
    _report(make_id(DRAFT), make_id(ENTERED), of, doctor_id, ("K", Decimal("4.1"), Flag.NORMAL), word)
    done = _report(make_id(REPORT), make_id(VERIFIED), of, doctor_id, ("CRE", Decimal(700), Flag.CRITICAL_HIGH), word)
    done.has_critical = True
    done.status, done.is_current, done.verified_at = ReportStatus.VERIFIED, True, clock.now()
    done.verified_by, done.released_at = make_id(REPORT), clock.now() - timedelta(days=1)
    db.session.flush()


def laboratory_ids(make_id: MakeId) -> dict[str, UUID]:
    """Return what a patient has of the laboratory."""
    names = {
        "order": ORDER,
        "ordered": ORDERED,
        "entered": ENTERED,
        "specimen": SPECIMEN,
        "draft": DRAFT,
        "report": REPORT,
    }
    return {name: make_id(number) for name, number in names.items()}


def catalogue_ids() -> dict[str, UUID]:
    """Return a test, an analyte, a range and a panel of the presets by the names of arguments."""
    analyte = db.session.scalars(sa.select(Analyte).where(Analyte.code == "K")).one()
    ranges = sa.select(ReferenceRange.id).where(ReferenceRange.analyte_id == analyte.id).order_by(ReferenceRange.id)
    return {
        "lab_test_id": analyte.test_id,
        "analyte_id": analyte.id,
        "range_id": db.session.scalars(ranges.limit(1)).one(),
        "lab_panel_id": db.session.scalars(sa.select(LabPanel.id).where(LabPanel.code == "CB")).one(),
    }


def _report(
    report_id: UUID, item_id: UUID, of: dict[str, Any], doctor_id: UUID, value: tuple[str, Decimal, Flag], word: str
) -> LabReport:
    """Make the draft of a report with one value; entered by somebody who is not asked to verify it."""
    code, number, flag = value
    analyte = db.session.scalars(sa.select(Analyte).where(Analyte.code == code)).one()
    report = LabReport(
        id=report_id, item_id=item_id, ordered_by=doctor_id, observed_at=clock.now(), entered_by=doctor_id,
        entered_at=clock.now(), findings=word, interpretation=word, **of,
    )  # fmt: skip
    db.session.add(report)
    db.session.flush()
    db.session.add(
        LabResult(
            report_id=report_id, analyte_id=analyte.id, patient_id=of["patient_id"], observed_at=report.observed_at,
            name=analyte.name, unit=analyte.unit, value=number, flag=flag, entered_by=doctor_id,
            entered_at=report.entered_at,
        )
    )  # fmt: skip
    db.session.flush()
    return report
