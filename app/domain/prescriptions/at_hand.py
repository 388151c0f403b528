"""What a doctor has at hand while prescribing: own favourites, the hospital's order sets, the patient's former ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.prescriptions.doses import Dose, QuantityNeeded
from app.domain.prescriptions.errors import CancelledIsNotRenewed, DuplicateMedicine, PrescriptionNotFound
from app.domain.prescriptions.models import (
    Medicine,
    OrderSet,
    OrderSetItem,
    Prescription,
    PrescriptionFavourite,
    PrescriptionItem,
    PrescriptionStatus,
)
from app.domain.prescriptions.operations import add_item, find_prescription
from app.domain.records.drafts import hold_draft

SHOWN_FAVOURITES, SHOWN_SETS, SHOWN_FORMER = 30, 30, 5
_DOSE = ("medicine_id", "dose_amount", "times_per_day", "days", "meal_timing", "instructions")


@dataclass(frozen=True, slots=True)
class Added:
    """How many medicines were put on a prescription, and the names of those that were not.

    They are there already, no longer in the formulary or otherwise there, or their quantity must be typed.
    """

    count: int
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class AtHand:
    """What can be put on a prescription by one button."""

    favourites: list[Any]
    sets: list[Any]
    former: list[Any]


def read_at_hand(doctor_id: UUID, patient_id: UUID) -> AtHand:
    """Return what is at hand for one doctor with one patient, in one query."""
    query = sa.union_all(_favourites_of(doctor_id), _sets(), _former_of(patient_id))
    rows = db.session.execute(query, bind_arguments={"mapper": Medicine}).all()
    return AtHand(*([row for row in rows if row.kind == kind] for kind in ("favourite", "set", "former")))


def keep_favourite(actor: Actor, record_id: UUID, item_id: UUID, *, with_instructions: bool = False) -> None:
    """Keep a medicine of a draft, with its dose, among one's favourites; a former dose of it is replaced.

    Instructions may have been written for this patient alone: they are kept only where the doctor says so.
    """
    hold_draft(actor, record_id)
    prescription = find_prescription(record_id)
    item = db.session.get(PrescriptionItem, item_id)
    if item is None or prescription is None or item.prescription_id != prescription.id:
        raise NotFound
    dose = {name: getattr(item, name) for name in _DOSE} | {"quantity": _typed_quantity(item)}
    if not with_instructions:
        dose["instructions"] = None
    row = insert(PrescriptionFavourite).values(id=new_id(), doctor_id=actor.id, created_by=actor.id, **dose)
    row = row.on_conflict_do_update(index_elements=["doctor_id", "medicine_id"], set_=dose)
    kept = db.session.scalar(row.returning(PrescriptionFavourite.id))
    _record(actor, "prescription_favourite.add", kept)


def _typed_quantity(item: PrescriptionItem) -> Decimal | None:
    """Return a quantity that does not follow from the dose."""
    medicine = db.session.get_one(Medicine, item.medicine_id)
    dose = Dose(item.dose_amount, item.times_per_day, item.days)
    follows = dose.quantity(medicine.unit, medicine.dose_unit, medicine.package_content)
    return None if follows == item.quantity else item.quantity


def remove_favourite(actor: Actor, favourite_id: UUID) -> None:
    """Take a medicine off one's own favourites; raises NotFound for anybody else's."""
    gone = db.session.scalar(
        sa.delete(PrescriptionFavourite)
        .where(PrescriptionFavourite.id == favourite_id, PrescriptionFavourite.doctor_id == actor.id)
        .returning(PrescriptionFavourite.id)
    )
    if gone is None:
        raise NotFound
    _record(actor, "prescription_favourite.remove", gone)


def list_favourites(doctor_id: UUID) -> list[Any]:
    """Return a doctor's favourites with their doses, by name."""
    query = (
        _with_doses(PrescriptionFavourite)
        .add_columns(PrescriptionFavourite.id)
        .where(PrescriptionFavourite.doctor_id == doctor_id)
        .order_by(Medicine.search_name, Medicine.strength)
        .limit(200)
    )
    return list(db.session.execute(query).all())


def add_favourite(actor: Actor, record_id: UUID, favourite_id: UUID) -> Added:
    """Prescribe a favourite; raises NotFound for anybody else's."""
    query = _with_doses(PrescriptionFavourite)
    row = db.session.execute(
        query.where(PrescriptionFavourite.id == favourite_id, PrescriptionFavourite.doctor_id == actor.id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return _add_all(actor, record_id, [row])


def add_order_set(actor: Actor, record_id: UUID, set_id: UUID) -> Added:
    """Prescribe what an order set holds; raises NotFound."""
    query = _with_doses(OrderSetItem)
    rows = db.session.execute(
        query.where(OrderSetItem.order_set_id == set_id).order_by(OrderSetItem.position, OrderSetItem.id)
    ).all()
    if not rows:
        raise NotFound
    return _add_all(actor, record_id, rows)


def renew_prescription(actor: Actor, record_id: UUID, former_id: UUID) -> Added:
    """Prescribe once more what a former prescription of the same patient holds, as it was.

    Raises PrescriptionNotFound, or CancelledIsNotRenewed.
    """
    record = hold_draft(actor, record_id)
    former = db.session.get(Prescription, former_id)
    if former is None or former.patient_id != record.patient_id or former.status is PrescriptionStatus.DRAFT:
        raise PrescriptionNotFound
    if former.status is not PrescriptionStatus.SIGNED:
        raise CancelledIsNotRenewed(former.code)
    # What does not follow from the dose was typed then; before doses had units of their own it was not.
    typed = sa.and_(PrescriptionItem.dose_unit.is_not(None), Medicine.package_content.is_(None))
    quantity = sa.case((typed, PrescriptionItem.quantity)).label("quantity")
    query = _with_doses(PrescriptionItem, quantity).add_columns(_is_as_it_was().label("as_it_was"))
    rows = db.session.execute(
        query.where(PrescriptionItem.prescription_id == former_id).order_by(PrescriptionItem.position)
    ).all()
    added = _add_all(actor, record_id, rows)
    prescription = find_prescription(record_id)
    if prescription is not None and added.count:
        prescription.renewed_from_id = former_id
        db.session.flush()
        record_change(
            actor,
            "prescription.renew",
            subject_type="prescription",
            subject_id=prescription.id,
            patient_id=record.patient_id,
            changes={"fields": ["items", "renewed_from_id"], "from": str(former_id)},
        )
    return added


def _add_all(actor: Actor, record_id: UUID, rows: Iterable[Any]) -> Added:
    count, left_out = 0, []
    for row in rows:
        name = f"{row.name} {row.strength}"
        if not row.is_active or not getattr(row, "as_it_was", True):
            left_out.append(name)
            continue
        dose = Dose(row.dose_amount, row.times_per_day, row.days)
        try:
            add_item(actor, record_id, row.medicine_id, dose=dose, meal_timing=row.meal_timing,
                     instructions=row.instructions, quantity=row.quantity)  # fmt: skip
        except (DuplicateMedicine, QuantityNeeded):
            left_out.append(name)
        else:
            count += 1
    return Added(count, left_out)


def _is_as_it_was() -> sa.ColumnElement[bool]:
    """Whether the formulary still means by a medicine what was prescribed: doses are numbers of its units."""
    return sa.and_(
        *(getattr(PrescriptionItem, name) == getattr(Medicine, name) for name in ("strength", "unit", "route")),
        sa.func.coalesce(PrescriptionItem.dose_unit, PrescriptionItem.unit)
        == sa.func.coalesce(Medicine.dose_unit, Medicine.unit),
    )


def _with_doses(model: Any, quantity: Any = None) -> sa.Select[Any]:
    """Return the query of medicines with the doses that a table holds."""
    dose = [getattr(model, name) for name in _DOSE]
    dose.append(model.quantity if quantity is None else quantity)
    medicine = (
        Medicine.name, Medicine.strength, Medicine.unit, Medicine.dose_unit, Medicine.route, Medicine.is_active,
    )  # fmt: skip
    return sa.select(*dose, *medicine).select_from(model).join(Medicine, Medicine.id == model.medicine_id)


def _favourites_of(doctor_id: UUID) -> sa.Select[Any]:
    one = PrescriptionFavourite
    return (
        sa.select(
            sa.literal("favourite").label("kind"), one.id.label("id"),
            sa.func.concat_ws(" ", Medicine.name, Medicine.strength).label("title"),
            one.dose_amount.label("dose_amount"), one.times_per_day.label("times_per_day"), one.days.label("days"),
            Medicine.unit.label("unit"), Medicine.dose_unit.label("dose_unit"),
            sa.cast(sa.null(), sa.DateTime(timezone=True)).label("at"),
        )
        .join(Medicine, Medicine.id == one.medicine_id)
        .where(one.doctor_id == doctor_id, Medicine.is_active)
        .order_by(Medicine.search_name)
        .limit(SHOWN_FAVOURITES)
    )  # fmt: skip


def _sets() -> sa.Select[Any]:
    size = sa.select(sa.func.count()).where(OrderSetItem.order_set_id == OrderSet.id).scalar_subquery()
    return (
        sa.select(
            sa.literal("set"), OrderSet.id, OrderSet.name, sa.cast(sa.null(), sa.Numeric), sa.cast(size, sa.Integer),
            sa.cast(sa.null(), sa.Integer), OrderSet.note, sa.cast(sa.null(), sa.Text),
            sa.cast(sa.null(), sa.DateTime(timezone=True)),
        )
        .where(size > 0)
        .order_by(OrderSet.search_name)
        .limit(SHOWN_SETS)
    )  # fmt: skip


def _former_of(patient_id: UUID) -> sa.Select[Any]:
    medicine = sa.func.concat_ws(" ", PrescriptionItem.medicine_name, PrescriptionItem.strength)
    names = (
        sa.select(sa.func.string_agg(medicine, ", "))
        .where(PrescriptionItem.prescription_id == Prescription.id)
        .scalar_subquery()
    )
    return (
        sa.select(
            sa.literal("former"), Prescription.id, Prescription.code, sa.cast(sa.null(), sa.Numeric),
            sa.cast(sa.null(), sa.Integer), sa.cast(sa.null(), sa.Integer), names, sa.cast(sa.null(), sa.Text),
            Prescription.signed_at,
        )
        .where(Prescription.patient_id == patient_id, Prescription.status == PrescriptionStatus.SIGNED)
        .order_by(Prescription.created_at.desc())
        .limit(SHOWN_FORMER)
    )  # fmt: skip


def _record(actor: Actor, action: str, favourite_id: UUID | None) -> None:
    if favourite_id is not None:
        record_change(actor, action, subject_type="prescription_favourite", subject_id=favourite_id)
