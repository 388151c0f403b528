"""Signed prescriptions: read by staff or by the patient, cancelled with a reason, given their national code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Forbidden, InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.access.fields import MEDICINES, may_read
from app.domain.access.reach import authorise
from app.domain.appointments.models import Appointment
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import PRESCRIBE, VIEW_RECORDS
from app.domain.organisation.models import Department
from app.domain.patients.models import Confidentiality, Patient, PatientRelation, RelationKind
from app.domain.patients.queries import PatientRow, read_patient
from app.domain.prescriptions.errors import NotInForce, NotPrescriber, PrescriptionNotFound
from app.domain.prescriptions.models import Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.prescriptions.reviewing import list_overrides
from app.domain.records.errors import signed_is_final
from app.domain.records.models import MedicalRecord, RecordDiagnosis, VitalSigns

LONGEST_REASON = 500
SHOWN = 50
SMALL_CHILD = timedelta(days=73 * 31)  # those of less than 72 months, and a few more, whom the paper leaves out
PARENTS = (RelationKind.MOTHER, RelationKind.FATHER, RelationKind.GUARDIAN)
# Circular 27/2021/TT-BYT: the facility's code, the prescription's, a hyphen and the kind; 14 characters in all.
NATIONAL_CODE = re.compile(r"[0-9A-Za-z]{12}-[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Issued:
    """A prescription with all that is on its paper."""

    row: Any
    patient: PatientRow | Any
    items: list[Any]
    diagnoses: list[Any]
    overrides: list[Any]
    weight: Any  # weight_kg, and measured_at where it was not taken at this visit; None where nobody is known to have
    guardian: str | None  # who brings a small child: parent or guardian
    replaced_by: Any  # id and code of the prescription that an amendment put in this one's place

    @property
    def is_replaced(self) -> bool:
        """Whether an amendment took its place; one that a doctor cancelled has a reason."""
        return self.row.status is PrescriptionStatus.CANCELLED and self.row.cancel_reason is None


def open_prescription(actor: Actor, prescription_id: UUID, *, printing: bool = False) -> Issued:
    """Return a prescription to a member of staff and write down that they saw it.

    Raises PrescriptionNotFound (also for a draft), PatientOutOfReach, or Forbidden.
    """
    row = _read(prescription_id, StaffUser.licence_number)
    patient, ground = read_patient(actor, row.patient_id, VIEW_RECORDS)
    if not may_read(actor, MEDICINES.code):
        raise Forbidden
    action = "prescription.print" if printing else "prescription.view"
    record_access(
        ground.acting, action, subject_type="prescription", subject_id=prescription_id, patient_ids=[row.patient_id]
    )
    return _with_parts(row, patient, list_overrides(prescription_id))


def open_own_prescription(actor: Actor, patient_id: UUID, prescription_id: UUID) -> Issued:
    """Return a patient's own signed prescription; raises PrescriptionNotFound for anybody else's."""
    row = _read(prescription_id, sa.null().label("licence_number"), of=patient_id)
    who = db.session.execute(
        sa.select(Patient.id, Patient.code, Patient.full_name, Patient.born_on, Patient.sex, Patient.bhyt,
                  Patient.phone).where(Patient.id == patient_id)
    ).one()  # fmt: skip
    record_access(
        actor, "own.prescription", subject_type="prescription", subject_id=prescription_id, patient_ids=[patient_id]
    )
    return _with_parts(row, who, [])


def list_own_prescriptions(actor: Actor, patient_id: UUID) -> list[Any]:
    """Return a patient's own prescriptions, the newest first, each with the names of its medicines."""
    medicine = sa.func.concat_ws(" ", PrescriptionItem.medicine_name, PrescriptionItem.strength)
    names = sa.select(sa.func.array_agg(sa.dialects.postgresql.aggregate_order_by(medicine, PrescriptionItem.position)))
    query = (
        sa.select(
            Prescription.id, Prescription.code, Prescription.status, Prescription.signed_at, Prescription.cancel_reason,
            StaffUser.full_name.label("doctor_name"),
            names.where(PrescriptionItem.prescription_id == Prescription.id).scalar_subquery().label("medicines"),
        )
        .select_from(Prescription)
        .join(StaffUser, StaffUser.id == Prescription.doctor_id)
        .where(Prescription.patient_id == patient_id, Prescription.status != PrescriptionStatus.DRAFT)
        .order_by(Prescription.created_at.desc())
        .limit(SHOWN)
    )  # fmt: skip
    rows = list(db.session.execute(query).all())
    record_access(actor, "own.prescriptions", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return rows


def cancel_prescription(actor: Actor, prescription_id: UUID, version: int, reason: str) -> None:
    """Cancel a signed prescription: it is no longer dispensed from. The record that it stands in stays signed.

    Raises PrescriptionNotFound, NotPrescriber, StaleVersion, NotInForce or InvalidValue.
    """
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Write the reason, in at most 500 characters."), field="reason")
    held = _hold(actor, prescription_id, version)
    held.status, held.cancel_reason = PrescriptionStatus.CANCELLED, reason
    held.cancelled_at, held.cancelled_by, held.updated_by = clock.now(), actor.id, actor.id
    _save(actor, "prescription.cancel", held, ["status", "cancel_reason"])


def set_national_code(actor: Actor, prescription_id: UUID, version: int, code: str) -> None:
    """Keep the code that the national system gave to a signed prescription; it is never changed.

    Raises PrescriptionNotFound, NotPrescriber, StaleVersion, NotInForce or InvalidValue.
    """
    code = code.strip()
    if not NATIONAL_CODE.fullmatch(code):
        raise InvalidValue(
            _l("The national code has 14 characters: 12 letters or digits, a hyphen, a letter."), field="national_code"
        )
    taken = sa.select(sa.exists().where(Prescription.national_code == code, Prescription.id != prescription_id))
    if db.session.scalar(taken):
        raise _code_is_taken()
    held = _hold(actor, prescription_id, version)
    if held.national_code == code:
        return
    try:
        with db.session.begin_nested():
            held.national_code, held.updated_by = code, actor.id
            with signed_is_final():
                db.session.flush()
    except IntegrityError:
        raise _code_is_taken() from None
    _save(actor, "prescription.update", held, ["national_code"])


def _code_is_taken() -> InvalidValue:
    return InvalidValue(_l("Another prescription has this national code."), field="national_code")


def _hold(actor: Actor, prescription_id: UUID, version: int) -> Prescription:
    held = db.session.scalars(
        sa.select(Prescription).where(Prescription.id == prescription_id).with_for_update()
    ).one_or_none()
    if held is None or held.status is PrescriptionStatus.DRAFT:
        raise PrescriptionNotFound
    authorise(actor, held.patient_id, PRESCRIBE)
    if held.doctor_id != actor.id:
        raise NotPrescriber
    if held.version != version:
        raise StaleVersion
    if held.status is not PrescriptionStatus.SIGNED:
        raise NotInForce
    return held


def _save(actor: Actor, action: str, held: Prescription, fields: list[str]) -> None:
    with signed_is_final():
        db.session.flush()
    record_change(
        actor, action, subject_type="prescription", subject_id=held.id, patient_id=held.patient_id,
        changes={"fields": fields},
    )  # fmt: skip


def _read(prescription_id: UUID, licence: Any, of: UUID | None = None) -> Any:
    one = Prescription
    query = (
        sa.select(
            one.id, one.code, one.status, one.signed_at, one.note, one.record_id, one.patient_id, one.doctor_id,
            one.national_code, one.cancelled_at, one.cancel_reason, one.renewed_from_id, one.version, licence,
            MedicalRecord.appointment_id, MedicalRecord.series_id,
            StaffUser.full_name.label("doctor_name"),
            Department.name.label("department_name"),
        )
        .select_from(one)
        .join(StaffUser, StaffUser.id == one.doctor_id)
        .join(MedicalRecord, MedicalRecord.id == one.record_id)
        .join(Appointment, Appointment.id == MedicalRecord.appointment_id)
        .join(Department, Department.id == Appointment.department_id)
        .where(one.id == prescription_id, one.status != PrescriptionStatus.DRAFT)
    )  # fmt: skip
    row = db.session.execute(query if of is None else query.where(one.patient_id == of)).one_or_none()
    if row is None:
        raise PrescriptionNotFound
    return row


def _with_parts(row: Any, patient: Any, overrides: list[Any]) -> Issued:
    columns = (
        "medicine_name", "strength", "unit", "dose_unit", "route", "dose_amount", "times_per_day", "days", "quantity",
        "meal_timing", "instructions",
    )  # fmt: skip
    items = sa.select(*(getattr(PrescriptionItem, name) for name in columns)).where(
        PrescriptionItem.prescription_id == row.id
    )
    diagnoses = sa.select(
        RecordDiagnosis.code, RecordDiagnosis.title, RecordDiagnosis.title_en, RecordDiagnosis.kind
    ).where(RecordDiagnosis.record_id == row.record_id)
    return Issued(
        row=row,
        patient=patient,
        items=list(db.session.execute(items.order_by(PrescriptionItem.position, PrescriptionItem.id)).all()),
        diagnoses=list(db.session.execute(diagnoses.order_by(RecordDiagnosis.kind, RecordDiagnosis.position)).all()),
        overrides=overrides,
        weight=_find_weight(row),
        guardian=_find_guardian(row.patient_id) if row.signed_at.date() - patient.born_on < SMALL_CHILD else None,
        replaced_by=_find_replacement(row) if row.status is PrescriptionStatus.CANCELLED else None,
    )


def _find_weight(row: Any) -> Any:
    """Return the weight of the visit, else the newest before the signing with when it was measured."""
    one = VitalSigns
    of_visit = sa.func.coalesce(one.appointment_id == row.appointment_id, sa.false())
    query = sa.select(one.weight_kg, sa.case((~of_visit, one.measured_at)).label("measured_at")).where(
        one.patient_id == row.patient_id, one.weight_kg.is_not(None), one.voided_at.is_(None),
        one.measured_at <= row.signed_at,
    )  # fmt: skip
    return db.session.execute(query.order_by(of_visit.desc(), one.measured_at.desc(), one.id).limit(1)).one_or_none()


def _find_guardian(patient_id: UUID) -> str | None:
    """Return the name of who is written down as parent or guardian; a confidential patient's is not told."""
    other = aliased(Patient)
    named = sa.case((other.confidentiality == Confidentiality.NORMAL, other.full_name))
    name = sa.func.coalesce(PatientRelation.full_name, named)
    query = (
        sa.select(name)
        .outerjoin(other, other.id == PatientRelation.related_id)
        .where(
            PatientRelation.patient_id == patient_id,
            PatientRelation.deleted_at.is_(None),
            sa.or_(PatientRelation.is_guardian, PatientRelation.kind.in_(PARENTS)),
            name.is_not(None),
        )
        .order_by(PatientRelation.is_guardian.desc(), PatientRelation.created_at, PatientRelation.id)
    )
    return db.session.scalar(query.limit(1))


def _find_replacement(row: Any) -> Any:
    """Return the newest signed prescription of the same visit's record."""
    query = (
        sa.select(Prescription.id, Prescription.code)
        .join(MedicalRecord, MedicalRecord.id == Prescription.record_id)
        .where(
            MedicalRecord.series_id == row.series_id,
            Prescription.patient_id == row.patient_id,
            Prescription.status == PrescriptionStatus.SIGNED,
        )
    )
    return db.session.execute(query.order_by(MedicalRecord.number.desc()).limit(1)).one_or_none()
