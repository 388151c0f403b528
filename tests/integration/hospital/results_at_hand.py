"""Verified results as they stand after the laboratory's work, written down directly."""

from __future__ import annotations

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
    LabKind,
    LabOrder,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
    LabTest,
    ReportStatus,
    SpecimenKind,
)
from tests import factories

USUAL = {"K": (Decimal("3.5"), Decimal("5.1")), "NA": (Decimal(135), Decimal(145))}


def make_report(
    patient_id: UUID, doctor_id: UUID, values: dict[str, tuple[str, Flag | None]], **facts: Any
) -> LabReport:
    """Make a verified report of one test, `days_ago`; values by the analyte's code; further facts are the report's."""
    now = clock.now()
    at = now - timedelta(days=facts.pop("days_ago", 0))
    analytes = {row.code: row for row in db.session.scalars(sa.select(Analyte).where(Analyte.code.in_(values)))}
    test = db.session.get_one(LabTest, next(iter(analytes.values())).test_id)
    order = LabOrder(patient_id=patient_id, ordered_by=doctor_id, ordered_at=at)
    db.session.add(order)
    db.session.flush()
    specimen = LabSpecimen(
        order_id=order.id, patient_id=patient_id, kind=SpecimenKind.BLOOD_SERUM, collected_at=at, collected_by=doctor_id
    )
    db.session.add(specimen)
    db.session.flush()
    item = LabOrderItem(
        order_id=order.id, patient_id=patient_id, test_id=test.id, test_name=test.name, kind=LabKind.LABORATORY,
        specimen=SpecimenKind.BLOOD_SERUM, specimen_id=specimen.id, status=ItemStatus.ENTERED,
    )  # fmt: skip
    db.session.add(item)
    db.session.flush()
    first, second = factories.make_staff("lab_technician"), factories.make_staff("lab_technician")
    report = LabReport(
        item_id=item.id, order_id=order.id, patient_id=patient_id, ordered_by=doctor_id, number=1, observed_at=at,
        entered_by=first.id, entered_at=at,
    )  # fmt: skip
    db.session.add(report)
    db.session.flush()
    for place, (code, (value, flag)) in enumerate(values.items()):
        usual = USUAL.get(code, USUAL["K"])
        db.session.add(
            LabResult(
                report_id=report.id, analyte_id=analytes[code].id, patient_id=patient_id, observed_at=at,
                name=analytes[code].name, unit=analytes[code].unit, value=Decimal(value), flag=flag,
                range_low=usual[0], range_high=usual[1], position=place, entered_by=first.id, entered_at=at,
            )
        )  # fmt: skip
    db.session.flush()
    flags = [flag for _value, flag in values.values()]
    report.status, report.is_current, report.verified_by, report.verified_at = (
        ReportStatus.VERIFIED, True, second.id, now,
    )  # fmt: skip
    report.has_critical = any(flag is not None and flag.is_critical for flag in flags)
    report.has_abnormal = any(flag not in (None, Flag.NORMAL) for flag in flags)
    for name, value in facts.items():
        setattr(report, name, value)
    item.status = ItemStatus.VERIFIED
    db.session.flush()
    return report
