"""Reading the laboratory: an order with all that came of it, a patient's orders, and what is to be done next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import Permission
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_RESULTS
from app.domain.laboratory.errors import SINCE, LabOrderNotFound, LabReportNotFound, LabSpecimenNotFound
from app.domain.laboratory.models import (
    LabOrder,
    LabOrderItem,
    LabReport,
    LabResult,
    LabSpecimen,
)
from app.domain.paging import Page, offset_of
from app.domain.patients.queries import PatientRow, open_patient
from app.tenancy.binding import needs_revision

SHOWN_AT_ONCE = 20
ITEMS_SHOWN = 100
ENTERER, VERIFIER = aliased(StaffUser), aliased(StaffUser)


@dataclass(frozen=True, slots=True)
class OrderedTest:
    """An ordered test with its newest report and the values in it."""

    row: Any
    report: Any | None = None
    values: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order as a page shows it."""

    row: Any
    patient: PatientRow
    tests: list[OrderedTest]
    specimens: Sequence[Any]


ORDER_COLUMNS = (
    LabOrder.id,
    LabOrder.code,
    LabOrder.patient_id,
    LabOrder.appointment_id,
    LabOrder.ordered_by,
    LabOrder.ordered_at,
    LabOrder.priority,
    LabOrder.clinical_note,
    StaffUser.full_name.label("doctor_name"),
)
_REPORT = (
    LabReport.id,
    LabReport.item_id,
    LabReport.number,
    LabReport.status,
    LabReport.is_current,
    LabReport.version,
    LabReport.observed_at,
    LabReport.findings,
    LabReport.interpretation,
    LabReport.correction_reason,
    LabReport.entered_by,
    LabReport.entered_at,
    LabReport.contributors,
    LabReport.not_measured,
    LabReport.called_critical,
    LabReport.verified_at,
    LabReport.has_critical,
    LabReport.has_abnormal,
    LabReport.acknowledged_at,
    LabReport.reviewed_at,
    LabReport.released_at,
    ENTERER.full_name.label("enterer_name"),
    VERIFIER.full_name.label("verifier_name"),
)


def open_order(actor: Actor, order_id: UUID, permission: Permission = VIEW_RESULTS) -> OpenOrder:
    """Return an order with all that came of it, and write down that somebody saw it.

    Raises LabOrderNotFound or PatientOutOfReach.
    """
    needs_revision(SINCE)
    row = get_order(order_id)
    patient = open_patient(actor, row.patient_id, "lab_order.view", permission)
    return OpenOrder(row, patient, list_tests([order_id]), _list_specimens(order_id))


def get_order(order_id: UUID) -> Any:
    """Return an order's own row; raises LabOrderNotFound."""
    query = (
        sa.select(*ORDER_COLUMNS).join(StaffUser, StaffUser.id == LabOrder.ordered_by).where(LabOrder.id == order_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise LabOrderNotFound
    return row


def get_ordered_test(item_id: UUID) -> Any:
    """Return an ordered test with its order's code; raises LabOrderNotFound."""
    columns = [column for column in sa.inspect(LabOrderItem).columns if column.key != "created_by"]
    query = (
        sa.select(*columns, LabOrder.code.label("order_code"), LabOrder.clinical_note, LabOrder.priority)
        .join(LabOrder, LabOrder.id == LabOrderItem.order_id)
        .where(LabOrderItem.id == item_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise LabOrderNotFound
    return row


def list_orders(patient_id: UUID, page: int = 1) -> Page[Any]:
    """Return a patient's orders, the newest first, with their tests; who shows them has opened the patient."""
    wanted = LabOrder.patient_id == patient_id
    total = db.session.scalar(sa.select(sa.func.count()).select_from(LabOrder).where(wanted)) or 0
    return Page(_orders(wanted, offset_of(page, SHOWN_AT_ONCE)), max(page, 1), SHOWN_AT_ONCE, total)


def list_visits_orders(appointment_id: UUID) -> list[dict[str, Any]]:
    """Return the orders of a visit with their tests; in one statement where there is none."""
    return _orders(LabOrder.appointment_id == appointment_id, 0)


def _orders(wanted: sa.ColumnElement[bool], offset: int) -> list[dict[str, Any]]:
    query = (
        sa.select(*ORDER_COLUMNS)
        .join(StaffUser, StaffUser.id == LabOrder.ordered_by)
        .where(wanted)
        .order_by(LabOrder.ordered_at.desc(), LabOrder.id)
        .limit(SHOWN_AT_ONCE)
        .offset(offset)
    )
    rows = db.session.execute(query).all()
    tests: dict[UUID, list[Any]] = defaultdict(list)
    for test in _list_states([row.id for row in rows]) if rows else ():
        tests[test.order_id].append(test)
    return [{"row": row, "tests": tests[row.id]} for row in rows]


def _list_states(order_ids: Sequence[UUID]) -> Sequence[Any]:
    """Return how far the tests of orders are, and what is in force of them; no values, in one statement."""
    query = (
        sa.select(
            LabOrderItem.order_id,
            LabOrderItem.test_name,
            LabOrderItem.status,
            LabReport.has_critical,
            LabReport.has_abnormal,
        )
        .outerjoin(LabReport, sa.and_(LabReport.item_id == LabOrderItem.id, LabReport.is_current))
        .where(LabOrderItem.order_id.in_(order_ids))
        .order_by(LabOrderItem.order_id, LabOrderItem.id)
        .limit(ITEMS_SHOWN * len(order_ids))
    )
    return db.session.execute(query).all()


def list_tests(order_ids: Sequence[UUID]) -> list[OrderedTest]:
    """Return the tests of orders with what came of each, in three statements."""
    columns = [column for column in sa.inspect(LabOrderItem).columns if column.key != "created_by"]
    query = (
        sa.select(*columns, LabSpecimen.code.label("specimen_code"))
        .outerjoin(LabSpecimen, LabSpecimen.id == LabOrderItem.specimen_id)
        .where(LabOrderItem.order_id.in_(order_ids))
        .order_by(LabOrderItem.order_id, LabOrderItem.id)
        .limit(ITEMS_SHOWN * len(order_ids))
    )
    items = db.session.execute(query).all()
    reports = {row.item_id: row for row in _newest_reports([item.id for item in items])}
    values: dict[UUID, list[Any]] = defaultdict(list)
    for value in _values([row.id for row in reports.values()]):
        values[value.report_id].append(value)
    return [
        OrderedTest(item, report := reports.get(item.id), values[report.id] if report is not None else ())
        for item in items
    ]


def read_ordered_test(item_id: UUID) -> OrderedTest:
    """Return one ordered test with its newest report and the values in it; raises LabOrderNotFound."""
    needs_revision(SINCE)
    row = get_ordered_test(item_id)
    report = next(iter(_newest_reports([item_id])), None)
    return OrderedTest(row, report, _values([report.id]) if report is not None else ())


def get_reports_test(report_id: UUID) -> UUID:
    """Return the ordered test that a report is of; raises LabReportNotFound."""
    item_id = db.session.scalar(sa.select(LabReport.item_id).where(LabReport.id == report_id))
    if item_id is None:
        raise LabReportNotFound
    return item_id


def get_specimen(specimen_id: UUID) -> Any:
    """Return a specimen; raises LabSpecimenNotFound."""
    needs_revision(SINCE)
    query = sa.select(*sa.inspect(LabSpecimen).columns).where(LabSpecimen.id == specimen_id)
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise LabSpecimenNotFound
    return row


def list_earlier_values(test: OrderedTest) -> dict[UUID, Any]:
    """Return the patient's value of each analyte before this test's, of what stands verified."""
    if test.report is None or not test.values:
        return {}
    query = (
        sa.select(
            LabResult.analyte_id,
            LabResult.value,
            LabResult.text,
            LabResult.comparator,
            LabResult.unit,
            LabResult.observed_at,
        )
        .join(LabReport, LabReport.id == LabResult.report_id)
        .where(
            LabResult.patient_id == test.row.patient_id,
            LabResult.analyte_id.in_([value.analyte_id for value in test.values]),
            LabReport.is_current,
            LabReport.item_id != test.row.id,
            LabResult.observed_at <= test.report.observed_at,
        )
        .ext(distinct_on(LabResult.analyte_id))
        .order_by(LabResult.analyte_id, LabResult.observed_at.desc())
    )
    return {row.analyte_id: row for row in db.session.execute(query)}


def _newest_reports(item_ids: Sequence[UUID]) -> Sequence[Any]:
    if not item_ids:
        return ()
    query = (
        sa.select(*_REPORT)
        .join(ENTERER, ENTERER.id == LabReport.entered_by)
        .outerjoin(VERIFIER, VERIFIER.id == LabReport.verified_by)
        .where(LabReport.item_id.in_(item_ids))
        .ext(distinct_on(LabReport.item_id))
        .order_by(LabReport.item_id, LabReport.number.desc())
    )
    return db.session.execute(query).all()


def _values(report_ids: Sequence[UUID]) -> Sequence[Any]:
    if not report_ids:
        return ()
    query = (
        sa.select(*sa.inspect(LabResult).columns)
        .where(LabResult.report_id.in_(report_ids))
        .order_by(LabResult.position, LabResult.id)
    )
    return db.session.execute(query).all()


def _list_specimens(order_id: UUID) -> Sequence[Any]:
    query = (
        sa.select(*sa.inspect(LabSpecimen).columns, StaffUser.full_name.label("collector_name"))
        .join(StaffUser, StaffUser.id == LabSpecimen.collected_by)
        .where(LabSpecimen.order_id == order_id)
        .order_by(LabSpecimen.collected_at, LabSpecimen.id)
    )
    return db.session.execute(query).all()
