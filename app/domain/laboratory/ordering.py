"""Ordering tests for a patient, and taking one back that nothing was done for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.appointments.models import Appointment
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import ORDER_TESTS
from app.domain.laboratory.errors import SINCE, LabOrderNotFound, NotThatFar, OrderedAlready, OrderForDeceased
from app.domain.laboratory.models import (
    ItemStatus,
    LabOrder,
    LabOrderItem,
    LabPanel,
    LabPanelTest,
    LabPriority,
    LabTest,
)
from app.domain.laboratory.noting import note
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Patient
from app.tenancy.binding import needs_revision

LONGEST_NOTE = 1000
MOST_TESTS = 60
OPEN = (ItemStatus.ORDERED, ItemStatus.COLLECTED, ItemStatus.ENTERED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be ordered: tests and panels of them, how soon, and what the laboratory should know."""

    test_ids: Sequence[UUID] = ()
    panel_ids: Sequence[UUID] = ()
    priority: LabPriority = LabPriority.ROUTINE
    clinical_note: str | None = None
    appointment_id: UUID | None = None
    despite_open: bool = False


def order_tests(actor: Actor, patient_id: UUID, wish: Wish) -> LabOrder:
    """Order tests for a patient.

    Raises PatientNotFound, PatientOutOfReach, OrderForDeceased, InvalidValue where nothing or what is no longer offered
    was chosen, or OrderedAlready where a test is open already and it was not said that it is meant.
    """
    needs_revision(SINCE)
    actor = authorise(actor, patient_id, ORDER_TESTS)
    _one_at_a_time(patient_id)
    _refuse_deceased(patient_id)
    tests = _wanted_tests(wish)
    if not wish.despite_open:
        _refuse_open(patient_id, tests)
    if len(wish.clinical_note or "") > LONGEST_NOTE:
        raise InvalidValue(_l("This text is too long."), field="clinical_note")
    assert actor.id is not None
    order = LabOrder(
        patient_id=patient_id,
        appointment_id=_visit_of(wish, patient_id),
        department_id=db.session.scalar(sa.select(StaffUser.department_id).where(StaffUser.id == actor.id)),
        ordered_by=actor.id,
        ordered_at=clock.now(),
        priority=wish.priority,
        clinical_note=wish.clinical_note or None,
        created_by=actor.id,
    )
    db.session.add(order)
    db.session.flush()
    db.session.add_all(_item_of(order, test) for test in tests)
    db.session.flush()
    note(actor, "place", order, event=True, tests=[str(test.id) for test in tests])
    return order


def cancel_item(actor: Actor, item_id: UUID, version: int, reason: str) -> LabOrderItem:
    """Take an ordered test back; raises LabOrderNotFound, NotThatFar once there are results, StaleVersion."""
    needs_revision(SINCE)
    item = hold_item(item_id)
    actor = authorise(actor, item.patient_id, ORDER_TESTS)
    if item.version != version:
        raise StaleVersion
    if item.status not in (ItemStatus.ORDERED, ItemStatus.COLLECTED):
        raise NotThatFar
    item.status, item.cancelled_at, item.cancelled_by = ItemStatus.CANCELLED, clock.now(), actor.id
    item.cancel_reason, item.updated_by = reason, actor.id
    db.session.flush()
    note(actor, "cancel", item, item=str(item_id))
    return item


def hold_item(item_id: UUID) -> LabOrderItem:
    """Return an ordered test locked until the end of the unit of work; raises LabOrderNotFound."""
    query = sa.select(LabOrderItem).where(LabOrderItem.id == item_id).with_for_update()
    item = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if item is None:
        raise LabOrderNotFound
    return item


def _one_at_a_time(patient_id: UUID) -> None:
    # A double click, or two tabs: the second waits here, and then sees that the test is ordered already.
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"lab order {patient_id}", 0))
    db.session.execute(sa.select(lock), bind_arguments={"mapper": LabOrder})


def _refuse_deceased(patient_id: UUID) -> None:
    query = sa.select(Patient.deceased_on).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    row = db.session.execute(query.with_for_update(read=True, key_share=True)).one_or_none()
    if row is None:
        raise PatientNotFound
    if row.deceased_on is not None:
        raise OrderForDeceased


def _wanted_tests(wish: Wish) -> list[LabTest]:
    offered = sa.select(LabPanel.id).where(LabPanel.id.in_(wish.panel_ids), LabPanel.is_active)
    if wish.panel_ids and set(wish.panel_ids) != set(db.session.scalars(offered)):
        raise InvalidValue(_l("One of these panels is not offered any more. Choose again."), field="tests")
    of_panels = (
        sa.select(LabPanelTest.test_id)
        .join(LabPanel, LabPanel.id == LabPanelTest.panel_id)
        .where(LabPanelTest.panel_id.in_(wish.panel_ids), LabPanel.is_active)
    )
    query = (
        sa.select(LabTest)
        .where(LabTest.is_active, sa.or_(LabTest.id.in_(wish.test_ids), LabTest.id.in_(of_panels)))
        .order_by(LabTest.position, LabTest.code)
        .limit(MOST_TESTS + 1)
    )
    tests = list(db.session.scalars(query))
    if len(tests) > MOST_TESTS:
        raise InvalidValue(
            _l("At most %(most)s tests go into one order. Place several.", most=MOST_TESTS), field="tests"
        )
    if not tests:
        raise InvalidValue(_l("Choose at least one test."), field="tests")
    if not set(wish.test_ids) <= {test.id for test in tests}:
        raise InvalidValue(_l("One of these tests is not offered any more. Choose again."), field="tests")
    return tests


def _refuse_open(patient_id: UUID, tests: Sequence[LabTest]) -> None:
    query = (
        sa.select(LabOrderItem.test_name, LabOrder.code)
        .join(LabOrder, LabOrder.id == LabOrderItem.order_id)
        .where(
            LabOrderItem.patient_id == patient_id,
            LabOrderItem.status.in_(OPEN),
            LabOrderItem.test_id.in_([test.id for test in tests]),
        )
        .order_by(LabOrderItem.id)
        .limit(3)
    )
    found = db.session.execute(query).all()
    if found:
        named = ", ".join(f"{row.test_name} ({row.code})" for row in found)
        raise OrderedAlready(
            _l("Ordered already and not done yet: %(tests)s. Tick that you want it again, or leave it out.",
               tests=named),
            field="despite_open",
        )  # fmt: skip


def _visit_of(wish: Wish, patient_id: UUID) -> UUID | None:
    """Return the visit that the order is of, where it is this patient's."""
    if wish.appointment_id is None:
        return None
    query = sa.select(Appointment.id).where(Appointment.id == wish.appointment_id, Appointment.patient_id == patient_id)
    return db.session.scalar(query)


def _item_of(order: LabOrder, test: LabTest) -> LabOrderItem:
    return LabOrderItem(
        order_id=order.id,
        patient_id=order.patient_id,
        test_id=test.id,
        test_name=test.name,
        kind=test.kind,
        specimen=test.specimen,
        created_by=order.ordered_by,
    )
