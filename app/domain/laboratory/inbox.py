"""A doctor's inbox: results that nobody has reviewed of what they ordered, or somebody who left; critical ones first.

Critical values that nobody of the ordering side took note of are listed for the laboratory too, which telephones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import Permission
from app.domain.access.reach import within_reach
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_RESULTS
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.models import LabOrder, LabOrderItem, LabReport, LabResult
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.tenancy.binding import needs_revision

PER_PAGE = 25
SHOWN_CRITICAL = 50

_ROW: tuple[Any, ...] = (
    LabReport.id,
    LabReport.number,
    LabReport.patient_id,
    LabReport.order_id,
    LabReport.item_id,
    LabReport.has_critical,
    LabReport.has_abnormal,
    LabReport.acknowledged_at,
    LabReport.verified_at,
    LabReport.findings,
    LabReport.interpretation,
    LabReport.not_measured,
    LabOrder.code.label("order_code"),
    LabOrderItem.test_name,
    Patient.code.label("patient_code"),
    Patient.full_name.label("patient_name"),
    Patient.born_on,
    Patient.sex,
    StaffUser.full_name.label("doctor_name"),
)


def list_inbox(actor: Actor, staff_id: UUID, page: int = 1) -> Page[Any]:
    """Return the verified results that wait for somebody's review, with the values beside the usual.

    They are those of what they ordered, and within their reach those of what was ordered by somebody whose account is
    disabled: else nobody would ever see them.
    """
    needs_revision(SINCE)
    total = count_inbox(actor, staff_id)
    query = _joined(sa.select(*_ROW, (LabReport.ordered_by != staff_id).label("is_left"))).where(
        *_waiting(actor, staff_id)
    )
    urgent = sa.and_(LabReport.has_critical, LabReport.acknowledged_at.is_(None))
    query = query.order_by(urgent.desc(), LabReport.has_abnormal.desc(), LabReport.verified_at, LabReport.id)
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    values = _unusual_values([row.id for row in rows])
    _note_seen(actor, "laboratory.inbox", rows)
    return Page([{"row": row, "values": values.get(row.id, [])} for row in rows], max(page, 1), PER_PAGE, total)


def count_inbox(actor: Actor, staff_id: UUID) -> int:
    """Return how many results wait for somebody's review: as many as the list shows."""
    query = sa.select(sa.func.count()).select_from(LabReport).join(Patient, Patient.id == LabReport.patient_id)
    return db.session.scalar(query.where(*_waiting(actor, staff_id))) or 0


def list_unacknowledged(actor: Actor, permission: Permission) -> Sequence[Any]:
    """Return results with critical values of which nobody took note yet, the oldest first."""
    needs_revision(SINCE)
    query = (
        _joined(sa.select(*_ROW))
        .where(
            LabReport.is_current,
            LabReport.has_critical,
            LabReport.acknowledged_at.is_(None),
            within_reach(actor, permission),
        )
        .order_by(LabReport.verified_at, LabReport.id)
        .limit(SHOWN_CRITICAL)
    )
    rows = db.session.execute(query).all()
    _note_seen(actor, "laboratory.list", rows)
    return rows


def _waiting(actor: Actor, staff_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    asked = sa.select(StaffUser.id).where(sa.or_(StaffUser.id == staff_id, StaffUser.disabled_at.is_not(None)))
    return (
        LabReport.ordered_by.in_(asked),
        LabReport.is_current.is_(True),
        LabReport.reviewed_at.is_(None),
        within_reach(actor, VIEW_RESULTS),
    )


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    return (
        query.join(LabOrder, LabOrder.id == LabReport.order_id)
        .join(LabOrderItem, LabOrderItem.id == LabReport.item_id)
        .join(Patient, Patient.id == LabReport.patient_id)
        .join(StaffUser, StaffUser.id == LabReport.ordered_by)
    )


def _unusual_values(report_ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    if not report_ids:
        return {}
    query = (
        sa.select(*sa.inspect(LabResult).columns)
        .where(LabResult.report_id.in_(report_ids))
        .order_by(LabResult.position, LabResult.id)
    )
    found: dict[UUID, list[Any]] = {}
    for row in db.session.execute(query):
        found.setdefault(row.report_id, []).append(row)
    return found


def _note_seen(actor: Actor, action: str, rows: Sequence[Any]) -> None:
    record_access(
        actor, action, subject_type="laboratory", subject_id=None, patient_ids=[row.patient_id for row in rows]
    )
