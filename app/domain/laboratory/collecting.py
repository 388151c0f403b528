"""Collecting specimens: one label for each kind, and rejecting what is spoilt so that it is taken again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.identity.permissions import COLLECT_SPECIMENS
from app.domain.laboratory.errors import SINCE, LabOrderNotFound, LabSpecimenNotFound, NotThatFar
from app.domain.laboratory.models import (
    ItemStatus,
    LabKind,
    LabOrder,
    LabOrderItem,
    LabSpecimen,
    SpecimenKind,
)
from app.domain.laboratory.noting import note
from app.tenancy.binding import needs_revision


def collect_specimens(actor: Actor, order_id: UUID, kinds: Collection[SpecimenKind]) -> Sequence[LabSpecimen]:
    """Note that specimens of these kinds were taken for an order, and return them with the codes of their labels.

    Raises LabOrderNotFound, PatientOutOfReach, InvalidValue where none was chosen, NotThatFar where another was faster.
    """
    needs_revision(SINCE)
    order = _hold_order(order_id)
    actor = authorise(actor, order.patient_id, COLLECT_SPECIMENS)
    if not kinds:
        raise InvalidValue(_l("Choose what you have collected."), field="kinds")
    assert actor.id is not None
    taken = []
    waiting = _waiting_items(order_id)
    for kind in dict.fromkeys(kinds):
        items = [item for item in waiting if item.specimen is kind]
        if not items:
            raise NotThatFar
        specimen = LabSpecimen(
            order_id=order_id,
            patient_id=order.patient_id,
            kind=kind,
            collected_at=clock.now(),
            collected_by=actor.id,
            created_by=actor.id,
        )
        db.session.add(specimen)
        db.session.flush()
        for item in items:
            item.status, item.specimen_id, item.updated_by = ItemStatus.COLLECTED, specimen.id, actor.id
        note(actor, "collect", specimen, order=str(order_id))
        taken.append(specimen)
    db.session.flush()
    return taken


def reject_specimen(actor: Actor, specimen_id: UUID, reason: str) -> LabSpecimen:
    """Note that a specimen is of no use; its tests wait to be collected again.

    Raises LabSpecimenNotFound, PatientOutOfReach, or NotThatFar where results came of it.
    """
    needs_revision(SINCE)
    specimen = db.session.get(LabSpecimen, specimen_id)
    if specimen is None:
        raise LabSpecimenNotFound
    _hold_order(specimen.order_id)
    db.session.refresh(specimen)
    actor = authorise(actor, specimen.patient_id, COLLECT_SPECIMENS)
    query = sa.select(LabOrderItem).where(LabOrderItem.specimen_id == specimen_id).with_for_update()
    items = [one for one in db.session.scalars(query) if one.status is not ItemStatus.CANCELLED]
    if specimen.rejected_at is not None or any(item.status is not ItemStatus.COLLECTED for item in items):
        raise NotThatFar
    for item in items:
        item.status, item.specimen_id, item.updated_by = ItemStatus.ORDERED, None, actor.id
    specimen.rejected_at, specimen.rejected_by, specimen.reject_reason = clock.now(), actor.id, reason
    db.session.flush()
    note(actor, "refuse", specimen, order=str(specimen.order_id))
    return specimen


def _hold_order(order_id: UUID) -> LabOrder:
    """Return an order locked, so that two who collect for it do it one after the other."""
    order = db.session.scalars(sa.select(LabOrder).where(LabOrder.id == order_id).with_for_update()).one_or_none()
    if order is None:
        raise LabOrderNotFound
    return order


def _waiting_items(order_id: UUID) -> list[LabOrderItem]:
    query = (
        sa.select(LabOrderItem)
        .where(
            LabOrderItem.order_id == order_id,
            LabOrderItem.kind == LabKind.LABORATORY,
            LabOrderItem.status == ItemStatus.ORDERED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(query))
