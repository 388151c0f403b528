"""Tests that were ordered at the invented visits: most of them verified and reviewed, today's at every stage.

A patient's values move about a level of their own, so that later ones show a trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.cli.demo.visits import Visit
from app.core.db import db
from app.core.ids import new_id
from app.domain.laboratory.measuring import measure_of, ranges_of
from app.domain.laboratory.models import (
    Analyte,
    Flag,
    ItemStatus,
    LabOrder,
    LabOrderItem,
    LabPriority,
    LabReport,
    LabResult,
    LabSpecimen,
    LabTest,
    ReportStatus,
    ValueKind,
)
from app.domain.laboratory.rules import Measure, Reading, age_in_days, flag_of, pick_range
from app.tenancy.binding import bound_hospital

Row = dict[str, Any]
SHARE = 0.4
WISHES = (("CTM", "CRP"), ("GLU", "HBA1C", "MOMAU"), ("CRE", "DGD"), ("CTM", "TPTNT"), ("AST", "ALT"), ("XQNGUC",))
FINDINGS = (
    "Hai phế trường sáng đều. Bóng tim không to. Góc sườn hoành hai bên nhọn.",
    "Hình ảnh X-quang ngực bình thường.",
)
USUAL_WITHOUT_RANGE = (Decimal(0), Decimal(10))
AFTER_COLLECTION, UNTIL_VERIFIED = timedelta(minutes=50), timedelta(minutes=20)


def write_laboratory(random: Random, visits: Sequence[Visit], technicians: Sequence[UUID], now: datetime) -> None:
    """Write orders with what became of each; two technicians are needed, one to enter and one to verify."""
    Laboratory(random, technicians, now).write([visit for visit in visits if visit.started_at is not None])


class Laboratory:
    """Turns visits into orders, specimens and results."""

    def __init__(self, random: Random, technicians: Sequence[UUID], now: datetime) -> None:
        self._random = random
        self._first, self._second = technicians
        self._now = now
        self._zone = ZoneInfo(bound_hospital().timezone)
        self._tests = {test.code: test for test in db.session.scalars(sa.select(LabTest))}
        self._analytes: dict[UUID, list[Analyte]] = {}
        for analyte in db.session.scalars(sa.select(Analyte).order_by(Analyte.position)):
            self._analytes.setdefault(analyte.test_id, []).append(analyte)
        self._ranges = ranges_of([one.id for several in self._analytes.values() for one in several])
        self._rows: dict[Any, list[Row]] = {
            model: [] for model in (LabOrder, LabSpecimen, LabOrderItem, LabReport, LabResult)
        }
        self._done: list[Row] = []

    def write(self, visits: Sequence[Visit]) -> None:
        """Write what was ordered at these visits."""
        for visit in visits:
            if visit.person.has_account or self._random.random() < SHARE:
                self._order(visit)
        for model, rows in self._rows.items():
            if rows:
                db.session.execute(sa.insert(model), rows)
        for row in self._done:
            values = {name: value for name, value in row.items() if name != "id"}
            change = sa.update(LabReport).where(LabReport.id == row["id"]).values(**values, version=2)
            db.session.execute(change.execution_options(synchronize_session=False))

    def _order(self, visit: Visit) -> None:
        at = (visit.started_at or self._now) + timedelta(minutes=4)
        order: Row = {
            "id": new_id(),
            "patient_id": visit.person.id,
            "appointment_id": visit.id,
            "department_id": visit.clinic.department_id,
            "ordered_by": visit.clinic.doctor_id,
            "ordered_at": at,
            "priority": LabPriority.URGENT if self._random.random() < 0.1 else LabPriority.ROUTINE,
            "created_by": visit.clinic.doctor_id,
        }
        self._rows[LabOrder].append(_made(order, at))
        collected_at = at + timedelta(minutes=15)
        specimens: dict[Any, UUID] = {}
        for code in self._random.choice(WISHES):
            test = self._tests[code]
            if test.specimen and collected_at < self._now and test.specimen not in specimens:
                specimens[test.specimen] = self._collect(order, test, collected_at)
            self._item(visit, order, test, specimens.get(test.specimen), collected_at)

    def _collect(self, order: Row, test: LabTest, at: datetime) -> UUID:
        specimen_id = new_id()
        row = {
            "id": specimen_id, "order_id": order["id"], "patient_id": order["patient_id"], "kind": test.specimen,
            "collected_at": at, "collected_by": self._first, "created_by": self._first,
        }  # fmt: skip
        self._rows[LabSpecimen].append(_made(row, at))
        return specimen_id

    def _item(self, visit: Visit, order: Row, test: LabTest, specimen_id: UUID | None, at: datetime) -> None:
        entered_at = at + AFTER_COLLECTION
        status = ItemStatus.COLLECTED if specimen_id else ItemStatus.ORDERED
        if entered_at < self._now and (specimen_id or test.specimen is None):
            status = ItemStatus.VERIFIED if entered_at + UNTIL_VERIFIED < self._now else ItemStatus.ENTERED
        item: Row = {
            "id": new_id(), "order_id": order["id"], "patient_id": order["patient_id"], "test_id": test.id,
            "test_name": test.name, "kind": test.kind, "specimen": test.specimen, "specimen_id": specimen_id,
            "status": status, "created_by": order["ordered_by"],
        }  # fmt: skip
        self._rows[LabOrderItem].append(_made(item, order["ordered_at"]))
        if status in (ItemStatus.ENTERED, ItemStatus.VERIFIED):
            self._report(visit, order, item, at, entered_at)

    def _report(self, visit: Visit, order: Row, item: Row, at: datetime, entered_at: datetime) -> None:
        report: Row = {
            "id": new_id(), "item_id": item["id"], "order_id": order["id"], "patient_id": order["patient_id"],
            "ordered_by": order["ordered_by"], "observed_at": at, "entered_by": self._first, "entered_at": entered_at,
            "created_by": self._first, "findings": None, "interpretation": None,
        }  # fmt: skip
        if item["specimen"] is None:
            report["findings"], report["interpretation"] = FINDINGS
        flags = [self._value(visit, report, analyte) for analyte in self._analytes.get(item["test_id"], ())]
        report["has_critical"] = any(flag is not None and flag.is_critical for flag in flags)
        report["has_abnormal"] = any(flag not in (None, Flag.NORMAL) for flag in flags)
        self._rows[LabReport].append(_made(report, entered_at))
        if item["status"] is ItemStatus.VERIFIED:
            self._done.append(self._verified(report, entered_at + UNTIL_VERIFIED))

    def _verified(self, report: Row, at: datetime) -> Row:
        """Return how a report goes on: verified, and reviewed unless it is one of the newest."""
        reviewed_at = at + timedelta(hours=1)
        seen = reviewed_at < self._now and (at < self._now - timedelta(days=1) or self._random.random() < 0.5)
        row: Row = {
            "id": report["id"], "status": ReportStatus.VERIFIED, "is_current": True, "verified_at": at,
            "verified_by": self._second, "updated_at": reviewed_at if seen else at,
        }  # fmt: skip
        if seen:
            row |= {"reviewed_at": reviewed_at, "reviewed_by": report["ordered_by"], "released_at": reviewed_at}
            if report["has_critical"]:
                row |= {"acknowledged_at": reviewed_at, "acknowledged_by": report["ordered_by"]}
        return row

    def _value(self, visit: Visit, report: Row, analyte: Analyte) -> Flag | None:
        person = visit.person
        days = age_in_days(person.born_on, report["observed_at"].astimezone(self._zone).date())
        measure = measure_of(analyte, pick_range(self._ranges[analyte.id], person.sex, days))
        reading = self._invent(measure, Random(f"{person.id}:{measure.code}"))  # noqa: S311 (nothing secret)
        flag = flag_of(measure, reading)
        low, high = measure.usual
        self._rows[LabResult].append(
            {
                "id": new_id(), "report_id": report["id"], "analyte_id": measure.analyte_id,
                "patient_id": report["patient_id"], "observed_at": report["observed_at"], "name": measure.name,
                "unit": measure.unit, "value": reading.value, "text": reading.text, "flag": flag, "range_low": low,
                "range_high": high, "position": measure.position, "entered_by": self._first,
                "entered_at": report["entered_at"],
            }
        )  # fmt: skip
        return flag

    def _invent(self, measure: Measure, own: Random) -> Reading:
        """Invent a value: about the person's own level, now and then beside the usual."""
        if measure.kind is ValueKind.CHOICE:
            usual = measure.normal_choices or measure.choices
            return Reading(text=self._random.choice(measure.choices if self._random.random() < 0.1 else usual))
        if measure.kind is ValueKind.TEXT:
            return Reading(text="Không mọc vi khuẩn sau 48 giờ")
        low, high = measure.usual
        if low is None and high is None:
            low, high = USUAL_WITHOUT_RANGE
        low, high = (high or Decimal(1)) / 3 if low is None else low, low * 2 if high is None and low else high
        assert low is not None
        assert high is not None
        level = Decimal(str(own.uniform(0.1, 1.25) + self._random.uniform(-0.12, 0.12)))
        value = low + (high - low) * level
        return Reading(value=max(value, Decimal(0)).quantize(Decimal(1).scaleb(-measure.decimals)))


def _made(row: Row, at: datetime) -> Row:
    return {**row, "created_at": at, "updated_at": at}
