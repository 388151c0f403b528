"""Reading the formulary and what was prescribed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.formats.names import search_key
from app.domain.identity.models import StaffUser
from app.domain.prescriptions.errors import UnknownMedicine
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus

FOUND_AT_MOST = 12
MOST_WORDS = 5


def search_medicines(text: str, limit: int = FOUND_AT_MOST) -> list[Any]:
    """Find active medicines by parts of the name without diacritics, or by strength; names that begin so come first."""
    typed = search_key(text[:100])
    if len(typed) < 2:
        return []
    words = typed.split()[:MOST_WORDS]
    matches = (
        sa.or_(
            Medicine.search_name.contains(word, autoescape=True),
            sa.func.lower(Medicine.strength).contains(word, autoescape=True),
        )
        for word in words
    )
    query = (
        sa.select(
            Medicine.id,
            Medicine.name,
            Medicine.strength,
            Medicine.form,
            Medicine.unit,
            Medicine.route,
            Medicine.dose_unit,
            Medicine.package_content,
        )
        .where(Medicine.is_active, *matches)
        .order_by(
            Medicine.search_name.startswith(words[0], autoescape=True).desc(), Medicine.search_name, Medicine.code
        )
        .limit(limit)
    )
    return list(db.session.execute(query).all())


def get_medicine(medicine_id: UUID) -> Medicine:
    """Return an active medicine; raises UnknownMedicine."""
    medicine = db.session.scalars(
        sa.select(Medicine).where(Medicine.id == medicine_id, Medicine.is_active)
    ).one_or_none()
    if medicine is None:
        raise UnknownMedicine
    return medicine


def list_items(record_id: UUID) -> list[Any]:
    """Return the medicines prescribed with a record, in their order, with ingredients and the prescription's state."""
    columns = [
        column
        for column in sa.inspect(PrescriptionItem).columns
        if column.key not in ("created_at", "updated_at", "created_by", "updated_by")
    ]
    query = (
        sa.select(
            *columns,
            Medicine.ingredients,
            Medicine.atc_code,
            Prescription.code.label("prescription_code"),
            Prescription.status,
            Prescription.cancelled_at,
            Prescription.cancel_reason,
        )
        .select_from(PrescriptionItem)
        .join(Prescription, Prescription.id == PrescriptionItem.prescription_id)
        .join(Medicine, Medicine.id == PrescriptionItem.medicine_id)
        .where(Prescription.record_id == record_id)
        .order_by(PrescriptionItem.position, PrescriptionItem.id)
    )
    return list(db.session.execute(query).all())


def list_prescriptions(patient_id: UUID, limit: int) -> list[Any]:
    """Return a patient's prescriptions that are not drafts, the latest first, each with the names of its medicines."""
    names = sa.func.array_agg(
        sa.dialects.postgresql.aggregate_order_by(
            sa.func.concat_ws(" ", PrescriptionItem.medicine_name, PrescriptionItem.strength),
            PrescriptionItem.position,
        )
    )
    query = (
        sa.select(
            Prescription.id,
            Prescription.code,
            Prescription.status,
            Prescription.signed_at,
            Prescription.record_id,
            StaffUser.full_name.label("doctor_name"),
            names.label("medicines"),
        )
        .join(StaffUser, StaffUser.id == Prescription.doctor_id)
        .join(PrescriptionItem, PrescriptionItem.prescription_id == Prescription.id)
        .where(Prescription.patient_id == patient_id, Prescription.status != PrescriptionStatus.DRAFT)
        .group_by(Prescription.id, StaffUser.full_name)
        .order_by(Prescription.created_at.desc())
        .limit(limit)
    )
    return list(db.session.execute(query).all())
