"""Prescribing with a record's draft: adding and removing medicines, and what signing and amending do to it."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_change
from app.domain.prescriptions.doses import Dose, check_handed_over
from app.domain.prescriptions.errors import DuplicateMedicine
from app.domain.prescriptions.models import MealTiming, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.prescriptions.queries import get_medicine
from app.domain.prescriptions.reviewing import copy_overrides, refuse_deceased
from app.domain.records.drafts import hold_draft, touch
from app.domain.records.errors import signed_is_final
from app.domain.records.models import MedicalRecord

LONGEST_INSTRUCTIONS = 300
_COPIED = (
    "medicine_id",
    "medicine_name",
    "strength",
    "unit",
    "dose_unit",
    "route",
    "dose_amount",
    "times_per_day",
    "days",
    "quantity",
    "meal_timing",
    "instructions",
    "position",
)


def add_item(
    actor: Actor,
    record_id: UUID,
    medicine_id: UUID,
    *,
    dose: Dose,
    meal_timing: MealTiming = MealTiming.ANY,
    instructions: str | None = None,
    quantity: Decimal | None = None,
) -> PrescriptionItem:
    """Prescribe a medicine; the quantity follows from the dose, unless it is given.

    Raises UnknownMedicine, DuplicateMedicine, QuantityNeeded, PrescribesForDeceased.

    What the prescription is warned of is for `reviewing`.
    """
    record, medicine = hold_draft(actor, record_id), get_medicine(medicine_id)
    refuse_deceased(record.patient_id)
    handed_over = check_handed_over(dose, medicine.unit, medicine.dose_unit, medicine.package_content, quantity)
    prescription = find_prescription(record_id) or _begin(actor, record)
    item = PrescriptionItem(
        prescription_id=prescription.id,
        medicine_id=medicine.id,
        medicine_name=medicine.name,
        strength=medicine.strength,
        unit=medicine.unit,
        dose_unit=medicine.dose_unit,
        route=medicine.route,
        dose_amount=dose.amount,
        times_per_day=dose.times_per_day,
        days=dose.days,
        quantity=handed_over,
        meal_timing=meal_timing,
        instructions=(instructions or "").strip()[:LONGEST_INSTRUCTIONS] or None,
        position=_next_position(prescription.id),
        created_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(item)
    except IntegrityError as error:
        if "uq_prescription_items" not in str(error.orig):
            raise
        raise DuplicateMedicine(medicine.name) from None
    touch(actor, record)
    _record(actor, "prescription.add_item", prescription, ["items"])
    return item


def remove_item(actor: Actor, record_id: UUID, item_id: UUID) -> None:
    """Take a medicine off a draft; one that is gone already harms nothing."""
    record, prescription = hold_draft(actor, record_id), find_prescription(record_id)
    if prescription is None:
        return
    with signed_is_final():
        db.session.execute(
            sa.delete(PrescriptionItem).where(
                PrescriptionItem.id == item_id, PrescriptionItem.prescription_id == prescription.id
            )
        )
    touch(actor, record)
    _record(actor, "prescription.remove_item", prescription, ["items"])


def sign_prescription(actor: Actor, record_id: UUID) -> None:
    """Sign what is prescribed with a record; an empty prescription stays a draft that nobody is given."""
    prescription = find_prescription(record_id)
    if prescription is None or not list_item_ids(record_id):
        return
    prescription.status, prescription.signed_at = PrescriptionStatus.SIGNED, clock.now()
    prescription.updated_by = actor.id
    db.session.flush()
    event = {"patient_id": str(prescription.patient_id), "record_id": str(record_id)}
    _record(actor, "prescription.sign", prescription, ["status"], event)


def replace_prescription(actor: Actor, record_id: UUID) -> None:
    """Cancel the signed prescription of a version that is being amended: the new version's stands instead."""
    prescription = find_prescription(record_id)
    if prescription is None or prescription.status is not PrescriptionStatus.SIGNED:
        return
    prescription.status, prescription.updated_by = PrescriptionStatus.CANCELLED, actor.id
    prescription.cancelled_at, prescription.cancelled_by = clock.now(), actor.id
    db.session.flush()
    _record(actor, "prescription.cancel", prescription, ["status"])


def copy_prescription(actor: Actor, from_record_id: UUID, to_record_id: UUID) -> None:
    """Give an amendment's draft the medicines of the version it amends, as they were; none that was cancelled."""
    former = find_prescription(from_record_id)
    if former is None or former.status is not PrescriptionStatus.SIGNED:
        return
    items = list(db.session.scalars(_items_of(former.id)))
    copy = Prescription(
        record_id=to_record_id,
        patient_id=former.patient_id,
        doctor_id=former.doctor_id,
        note=former.note,
        renewed_from_id=former.renewed_from_id,
        created_by=actor.id,
    )
    db.session.add(copy)
    db.session.flush()
    for item in items:
        copied = {name: getattr(item, name) for name in _COPIED} | {"started_at": item.started_at or former.signed_at}
        db.session.add(PrescriptionItem(prescription_id=copy.id, created_by=actor.id, **copied))
    copy_overrides(actor, former.id, copy.id)
    db.session.flush()


def list_item_ids(record_id: UUID) -> list[UUID]:
    """Return the ids of the medicines prescribed with a record."""
    query = (
        sa.select(PrescriptionItem.id)
        .join(Prescription, Prescription.id == PrescriptionItem.prescription_id)
        .where(Prescription.record_id == record_id)
    )
    return list(db.session.scalars(query))


def find_prescription(record_id: UUID) -> Prescription | None:
    """Return what is prescribed with a record, if anything was."""
    return db.session.scalars(sa.select(Prescription).where(Prescription.record_id == record_id)).one_or_none()


def _begin(actor: Actor, record: MedicalRecord) -> Prescription:
    prescription = Prescription(
        record_id=record.id, patient_id=record.patient_id, doctor_id=record.doctor_id, created_by=actor.id
    )
    db.session.add(prescription)
    db.session.flush()
    return prescription


def _items_of(prescription_id: UUID) -> sa.Select[PrescriptionItem]:
    query = sa.select(PrescriptionItem).where(PrescriptionItem.prescription_id == prescription_id)
    return query.order_by(PrescriptionItem.position, PrescriptionItem.id)


def _next_position(prescription_id: UUID) -> int:
    highest = sa.select(sa.func.max(PrescriptionItem.position)).where(
        PrescriptionItem.prescription_id == prescription_id
    )
    last = db.session.scalar(highest)
    return 0 if last is None else last + 1


def _record(
    actor: Actor,
    action: str,
    prescription: Prescription,
    changed: list[str],
    event: dict[str, str] | None = None,
) -> None:
    record_change(
        actor,
        action,
        subject_type="prescription",
        subject_id=prescription.id,
        patient_id=prescription.patient_id,
        changes={"fields": changed},
        event=event,
    )
