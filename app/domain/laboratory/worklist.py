"""The laboratory's worklists: orders of which something is to be collected, entered or verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import Permission
from app.domain.access.reach import within_reach
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import COLLECT_SPECIMENS, ENTER_RESULTS, VERIFY_RESULTS
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.models import ItemStatus, LabKind, LabOrder, LabOrderItem, LabPriority
from app.domain.laboratory.queries import ORDER_COLUMNS
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.tenancy.binding import needs_revision

PER_PAGE = 25


class Work(StrEnum):
    """What is to be done with an ordered test."""

    COLLECT = "collect"
    ENTER = "enter"
    VERIFY = "verify"


NEEDS: dict[Work, Permission] = {
    Work.COLLECT: COLLECT_SPECIMENS,
    Work.ENTER: ENTER_RESULTS,
    Work.VERIFY: VERIFY_RESULTS,
}
# To collect is what waits for a specimen; imaging has none, so that it can be entered at once.
_WAITS_FOR: dict[Work, sa.ColumnElement[bool]] = {
    Work.COLLECT: sa.and_(LabOrderItem.status == ItemStatus.ORDERED, LabOrderItem.kind == LabKind.LABORATORY),
    Work.ENTER: sa.or_(
        LabOrderItem.status == ItemStatus.COLLECTED,
        sa.and_(LabOrderItem.status == ItemStatus.ORDERED, LabOrderItem.kind == LabKind.IMAGING),
    ),
    Work.VERIFY: LabOrderItem.status == ItemStatus.ENTERED,
}


# Name and id of each ordered test of which something is to be done.
_TESTS = sa.func.array_agg(
    sa.dialects.postgresql.aggregate_order_by(
        sa.func.jsonb_build_array(LabOrderItem.test_name, LabOrderItem.id), LabOrderItem.id
    )
).label("tests")


@dataclass(frozen=True, slots=True)
class LabWork:
    """A page of a worklist, and how much there is of each."""

    page: Page[Any]
    counts: dict[Work, int] = field(default_factory=dict)


def list_work(actor: Actor, work: Work, *, urgent_only: bool = False, page: int = 1) -> LabWork:
    """Return the orders of which something is to be collected, entered or verified: urgent ones first, then by age."""
    needs_revision(SINCE)
    reach = within_reach(actor, NEEDS[work])
    wanted = [_WAITS_FOR[work], reach, Patient.deleted_at.is_(None)]
    if urgent_only:
        wanted.append(LabOrder.priority == LabPriority.URGENT)
    query = (
        sa.select(
            *ORDER_COLUMNS,
            Patient.code.label("patient_code"),
            Patient.full_name.label("patient_name"),
            Patient.born_on,
            Patient.sex,
            _TESTS,
            sa.func.count().label("waiting"),
        )
        .join(LabOrderItem, LabOrderItem.order_id == LabOrder.id)
        .join(Patient, Patient.id == LabOrder.patient_id)
        .join(StaffUser, StaffUser.id == LabOrder.ordered_by)
        .where(*wanted)
        .group_by(LabOrder.id, Patient.id, StaffUser.id)
        .order_by(LabOrder.priority.desc(), LabOrder.ordered_at, LabOrder.id)
    )
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    counts, total = _count_work(actor, wanted)
    record_access(
        actor,
        "laboratory.list",
        subject_type="laboratory",
        subject_id=None,
        patient_ids=[row.patient_id for row in rows],
    )
    return LabWork(Page(rows, max(page, 1), PER_PAGE, total), counts)


def _count_work(actor: Actor, wanted: Sequence[sa.ColumnElement[bool]]) -> tuple[dict[Work, int], int]:
    """Return of how many orders something is to be done, of each kind of work, and how many are wanted."""
    distinct = sa.func.count(sa.distinct(LabOrderItem.order_id))
    counted = [distinct.filter(_WAITS_FOR[work], within_reach(actor, NEEDS[work])).label(work.value) for work in Work]
    query = (
        sa.select(*counted, distinct.filter(*wanted).label("wanted"))
        .select_from(LabOrderItem)
        .join(LabOrder, LabOrder.id == LabOrderItem.order_id)
        .join(Patient, Patient.id == LabOrderItem.patient_id)
        .where(
            LabOrderItem.status.in_((ItemStatus.ORDERED, ItemStatus.COLLECTED, ItemStatus.ENTERED)),
            Patient.deleted_at.is_(None),
        )
    )
    row = db.session.execute(query).one()
    return {work: getattr(row, work.value) for work in Work}, row.wanted
