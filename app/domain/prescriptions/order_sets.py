"""Order sets: medicines with their usual doses that the hospital prescribes together, under one name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.formats.names import normalise_name
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.prescriptions.doses import Dose, check_handed_over
from app.domain.prescriptions.errors import DuplicateMedicine
from app.domain.prescriptions.models import MealTiming, Medicine, OrderSet, OrderSetItem
from app.domain.prescriptions.operations import LONGEST_INSTRUCTIONS
from app.domain.prescriptions.queries import get_medicine

MOST_SETS = 200
MOST_ITEMS = 30
LONGEST_NAME, LONGEST_NOTE = 100, 300


def list_sets() -> list[Any]:
    """Return the order sets with how many medicines they hold."""
    size = sa.select(sa.func.count()).where(OrderSetItem.order_set_id == OrderSet.id).scalar_subquery()
    query = sa.select(OrderSet.id, OrderSet.name, OrderSet.note, size.label("size")).order_by(OrderSet.search_name)
    return list(db.session.execute(query.limit(MOST_SETS)).all())


def read_set(set_id: UUID) -> tuple[Any, list[Any]]:
    """Return an order set and its medicines in their order; raises NotFound."""
    row = db.session.execute(
        sa.select(OrderSet.id, OrderSet.name, OrderSet.note, OrderSet.version).where(OrderSet.id == set_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    items = sa.select(
        OrderSetItem.id, OrderSetItem.dose_amount, OrderSetItem.times_per_day, OrderSetItem.days,
        OrderSetItem.meal_timing, OrderSetItem.instructions, Medicine.name, Medicine.strength, Medicine.unit,
        Medicine.dose_unit, Medicine.route, Medicine.is_active, OrderSetItem.quantity,
    ).select_from(OrderSetItem).join(Medicine, Medicine.id == OrderSetItem.medicine_id)  # fmt: skip
    items = items.where(OrderSetItem.order_set_id == set_id).order_by(OrderSetItem.position, OrderSetItem.id)
    return row, list(db.session.execute(items).all())


def create_set(actor: Actor, name: str, note: str) -> OrderSet:
    """Make an order set; raises InvalidValue, also for a name that is taken."""
    made = OrderSet(name=_name(name), note=_note(note), created_by=actor.id)
    _save(made)
    _record(actor, "order_set.create", made, ["name", "note"])
    return made


def rename_set(actor: Actor, set_id: UUID, version: int, name: str, note: str) -> None:
    """Give an order set another name or note; raises NotFound, StaleVersion or InvalidValue."""
    held, name = _hold(set_id), _name(name)
    if held.version != version:
        raise StaleVersion
    held.name, held.note, held.updated_by = name, _note(note), actor.id
    _save(held)
    _record(actor, "order_set.update", held, ["name", "note"])


def delete_set(actor: Actor, set_id: UUID) -> None:
    """Delete an order set; what was prescribed by it stays. Raises NotFound."""
    held = _hold(set_id)
    db.session.delete(held)
    db.session.flush()
    _record(actor, "order_set.delete", held, ["name"])


def add_set_item(
    actor: Actor,
    set_id: UUID,
    medicine_id: UUID,
    *,
    dose: Dose,
    meal_timing: MealTiming,
    instructions: str,
    quantity: Decimal | None = None,
) -> None:
    """Put a medicine with its usual dose into an order set.

    Raises NotFound, UnknownMedicine, DuplicateMedicine, QuantityNeeded, or InvalidValue where the set is full.
    """
    held, medicine = _hold(set_id), get_medicine(medicine_id)
    check_handed_over(dose, medicine.unit, medicine.dose_unit, medicine.package_content, quantity)
    count, last = db.session.execute(
        sa.select(sa.func.count(), sa.func.max(OrderSetItem.position)).where(OrderSetItem.order_set_id == set_id)
    ).one()
    if count >= MOST_ITEMS:
        raise InvalidValue(_l("An order set has at most 30 medicines."), field="medicine_q")
    item = OrderSetItem(
        order_set_id=set_id, medicine_id=medicine_id, dose_amount=dose.amount, times_per_day=dose.times_per_day,
        days=dose.days, meal_timing=meal_timing, instructions=instructions.strip()[:LONGEST_INSTRUCTIONS] or None,
        quantity=quantity, position=0 if last is None else last + 1, created_by=actor.id,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(item)
    except IntegrityError:
        raise DuplicateMedicine(medicine.name) from None
    _touch(actor, held)


def remove_set_item(actor: Actor, set_id: UUID, medicine_item_id: UUID) -> None:
    """Take a medicine out of an order set; one that is gone already harms nothing."""
    held = _hold(set_id)
    db.session.execute(
        sa.delete(OrderSetItem).where(OrderSetItem.id == medicine_item_id, OrderSetItem.order_set_id == set_id)
    )
    _touch(actor, held)


def _hold(set_id: UUID) -> OrderSet:
    held = db.session.scalars(sa.select(OrderSet).where(OrderSet.id == set_id).with_for_update()).one_or_none()
    if held is None:
        raise NotFound
    return held


def _touch(actor: Actor, held: OrderSet) -> None:
    held.updated_at, held.updated_by = clock.now(), actor.id
    db.session.flush()
    _record(actor, "order_set.update", held, ["medicines"])


def _save(made: OrderSet) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except IntegrityError:
        raise InvalidValue(_l("Another order set has this name."), field="name") from None


def _name(text: str) -> str:
    name = normalise_name(text)
    if not name or len(name) > LONGEST_NAME:
        raise InvalidValue(_l("Enter a name of at most 100 letters."), field="name")
    return name


def _note(text: str) -> str | None:
    return text.strip()[:LONGEST_NOTE] or None


def _record(actor: Actor, action: str, held: OrderSet, fields: list[str]) -> None:
    record_change(actor, action, subject_type="order_set", subject_id=held.id, changes={"fields": fields})
