"""What a patient reads of one visit: only what is signed, in its current version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Text
from app.domain.appointments.own_visits import read_own_appointment
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.prescriptions.doses import Dose, dosed_in
from app.domain.prescriptions.models import MealTiming, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import MedicalRecord, RecordDiagnosis


@dataclass(frozen=True, slots=True)
class Medicine:
    """A prescribed medicine with its dose in words."""

    name: str
    strength: str
    unit: str
    dose: Text
    quantity: Any
    meal_timing: MealTiming
    instructions: str | None


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """The current version of a visit's record."""

    plan: str
    assessment: str
    signed_at: datetime
    signed_by: str
    first_signed_at: datetime
    number: int
    diagnoses: Sequence[sa.Row[*tuple[Any, ...]]]
    prescription_code: str | None
    prescription_note: str | None
    medicines: tuple[Medicine, ...]

    @property
    def is_amended(self) -> bool:
        """Tell whether this is not the first version."""
        return self.number > 1


@dataclass(frozen=True, slots=True)
class OwnVisit:
    """A visit, and its record where one is signed."""

    appointment: sa.Row[*tuple[Any, ...]]
    record: SignedRecord | None


def get_own_visit(actor: Actor, patient_id: UUID, appointment_id: UUID) -> OwnVisit:
    """Return a patient's own visit with its signed record; raises NotFound for anybody else's. At most five queries."""
    appointment = read_own_appointment(patient_id, appointment_id)
    record = _find_record(patient_id, appointment_id)
    record_access(actor, "own.visit", subject_type="appointment", subject_id=appointment_id, patient_ids=[patient_id])
    return OwnVisit(appointment, record)


def _find_record(patient_id: UUID, appointment_id: UUID) -> SignedRecord | None:
    first = aliased(MedicalRecord)
    row = db.session.execute(
        sa.select(
            MedicalRecord.id,
            MedicalRecord.series_id,
            MedicalRecord.number,
            MedicalRecord.plan,
            MedicalRecord.assessment,
            MedicalRecord.signed_at,
            StaffUser.full_name.label("signed_by"),
            first.signed_at.label("first_signed_at"),
        )
        .join(StaffUser, StaffUser.id == MedicalRecord.signed_by)
        .join(first, sa.and_(first.series_id == MedicalRecord.series_id, first.number == 1))
        .where(
            MedicalRecord.appointment_id == appointment_id,
            MedicalRecord.patient_id == patient_id,
            MedicalRecord.is_current,
        )
    ).one_or_none()
    if row is None:
        return None
    prescription = _find_prescription(patient_id, row.series_id)
    return SignedRecord(
        plan=row.plan,
        assessment=row.assessment,
        signed_at=row.signed_at,
        signed_by=row.signed_by,
        first_signed_at=row.first_signed_at,
        number=row.number,
        diagnoses=_list_diagnoses(row.id),
        prescription_code=prescription.code if prescription else None,
        prescription_note=prescription.note if prescription else None,
        medicines=_list_medicines(prescription.id) if prescription else (),
    )


def _list_diagnoses(record_id: UUID) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    return db.session.execute(
        sa.select(RecordDiagnosis.code, RecordDiagnosis.title, RecordDiagnosis.title_en, RecordDiagnosis.kind)
        .where(RecordDiagnosis.record_id == record_id)
        .order_by(RecordDiagnosis.kind, RecordDiagnosis.position)
    ).all()


def _find_prescription(patient_id: UUID, series_id: UUID) -> sa.Row[*tuple[Any, ...]] | None:
    """Return the signed prescription of the newest version that has one: an amendment may leave it as it was."""
    return db.session.execute(
        sa.select(Prescription.id, Prescription.code, Prescription.note)
        .join(MedicalRecord, MedicalRecord.id == Prescription.record_id)
        .where(
            MedicalRecord.series_id == series_id,
            Prescription.patient_id == patient_id,
            Prescription.status == PrescriptionStatus.SIGNED,
        )
        .order_by(MedicalRecord.number.desc())
        .limit(1)
    ).one_or_none()


def _list_medicines(prescription_id: UUID) -> tuple[Medicine, ...]:
    rows = db.session.execute(
        sa.select(
            PrescriptionItem.medicine_name,
            PrescriptionItem.strength,
            PrescriptionItem.unit,
            PrescriptionItem.dose_unit,
            PrescriptionItem.dose_amount,
            PrescriptionItem.times_per_day,
            PrescriptionItem.days,
            PrescriptionItem.quantity,
            PrescriptionItem.meal_timing,
            PrescriptionItem.instructions,
        )
        .where(PrescriptionItem.prescription_id == prescription_id)
        .order_by(PrescriptionItem.position, PrescriptionItem.id)
    )
    return tuple(
        Medicine(
            name=row.medicine_name,
            strength=row.strength,
            unit=row.unit,
            dose=Dose(row.dose_amount, row.times_per_day, row.days).text(dosed_in(row)),
            quantity=row.quantity,
            meal_timing=row.meal_timing,
            instructions=row.instructions,
        )
        for row in rows
    )
