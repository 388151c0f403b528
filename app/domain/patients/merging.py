"""Joining a patient who was registered twice: the second registration is closed and leads to the first.

Only a registration that nothing hangs on is joined, which is how the desk finds it: minutes after it was made. Records
of care stay with the patient under whose name they were signed. What the second knew of allergies is not lost.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.access.reach import authorise
from app.domain.appointments.models import Appointment
from app.domain.audit.operations import record_change
from app.domain.identity.models import PatientUser
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.errors import PatientNotFound, StalePatient
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, PatientMerge
from app.domain.patients.queries import read_patient
from app.domain.prescriptions.models import Prescription
from app.domain.privacy.models import LegalHold
from app.domain.records.models import MedicalRecord, VitalSigns
from app.tenancy.binding import needs_revision

SINCE = "h011"
HANGS_ON = (Appointment, VitalSigns, MedicalRecord, Prescription, PatientUser, LegalHold)


class SomethingHangsOn(Conflict):
    title = _l("This registration is in use")
    default_message = _l(
        "Visits, records, an account or a legal hold hang on this registration, so it cannot be joined."
    )
    remedy = _l("Join the other one to it, if nothing hangs on that, or correct the data of both.")


def merge_patient(actor: Actor, patient_id: UUID, version: int, into_id: UUID) -> Patient:
    """Close a second registration and have it lead to the patient; return whom it leads to.

    Raises PatientNotFound, InvalidValue for itself, StalePatient, or SomethingHangsOn.
    """
    needs_revision(SINCE)
    if patient_id == into_id:
        raise InvalidValue(_l("Choose another patient."), field="into")
    actor = authorise(authorise(actor, patient_id, REGISTER_PATIENTS), into_id, REGISTER_PATIENTS)
    second, first = _lock(patient_id, into_id)
    if second.version != version:
        raise StalePatient(read_patient(actor, patient_id).patient)
    if any(db.session.scalar(sa.select(sa.exists().where(model.patient_id == patient_id))) for model in HANGS_ON):
        raise SomethingHangsOn
    now = clock.now()
    if _take_over_allergies(actor, second, first):
        _touch(actor, first)
        _record(actor, "patient.update", first, {"fields": ["allergies"]})
    second.deleted_at = now
    _touch(actor, second)
    db.session.add(PatientMerge(patient_id=second.id, into_id=first.id, merged_at=now, merged_by=actor.id))
    for earlier in _joined_to(second.id):
        earlier.into_id = first.id
        other = db.session.get_one(Patient, earlier.patient_id)
        _touch(actor, other)
        _record(actor, "patient.merge", other, {"into": str(first.id)})
    _record(actor, "patient.merge", second, {"into": str(first.id)})
    return first


def _lock(patient_id: UUID, into_id: UUID) -> tuple[Patient, Patient]:
    """Hold both, in one order whoever asks, so that two who join them both ways do not wait for each other."""
    query = sa.select(Patient).where(Patient.id.in_((patient_id, into_id)), Patient.deleted_at.is_(None))
    query = query.where(Patient.erased_at.is_(None)).order_by(Patient.id).with_for_update()
    found = {row.id: row for row in db.session.scalars(query.execution_options(populate_existing=True))}
    if len(found) < 2:
        raise PatientNotFound
    return found[patient_id], found[into_id]


def _joined_to(patient_id: UUID) -> list[PatientMerge]:
    return list(db.session.scalars(sa.select(PatientMerge).where(PatientMerge.into_id == patient_id)))


def _take_over_allergies(actor: Actor, second: Patient, first: Patient) -> bool:
    """Add what only the second registration said of allergies; tell whether there was any."""
    known = sa.select(PatientAllergy).where(PatientAllergy.deleted_at.is_(None))
    rows = db.session.scalars(known.where(PatientAllergy.patient_id.in_((second.id, first.id)))).all()
    there = {row.substance.casefold() for row in rows if row.patient_id == first.id}
    new = [row for row in rows if row.patient_id == second.id and row.substance.casefold() not in there]
    for row in new:
        db.session.add(
            PatientAllergy(
                id=new_id(), patient_id=first.id, substance=row.substance, reaction=row.reaction,
                severity=row.severity, created_by=actor.id,
            )
        )  # fmt: skip
    if new:
        first.allergy_state = AllergyState.KNOWN
    return bool(new)


def _touch(actor: Actor, patient: Patient) -> None:
    patient.updated_at, patient.updated_by = clock.now(), actor.id


def _record(actor: Actor, action: str, patient: Patient, changes: dict[str, object]) -> None:
    db.session.flush()
    record_change(
        actor, action, subject_type="patient", subject_id=patient.id, patient_id=patient.id, changes=changes,
        event={"patient_version": patient.version},
    )  # fmt: skip


def find_by_code(code: str) -> UUID | None:
    """Return the patient with a code of the hospital's, as people write it."""
    query = sa.select(Patient.id).where(Patient.code == code.strip().upper(), Patient.deleted_at.is_(None))
    return db.session.scalar(query)
