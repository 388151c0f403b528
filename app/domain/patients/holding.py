"""Holding a patient while their data change: one change at a time, of the version that was read."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_change
from app.domain.patients.errors import PatientNotFound, StalePatient
from app.domain.patients.models import Patient
from app.domain.patients.queries import read_patient


def hold_patient(actor: Actor, patient_id: UUID, version: int) -> Patient:
    """Return a patient whom nobody else changes meanwhile; raises PatientNotFound or StalePatient."""
    query = sa.select(Patient).where(Patient.id == patient_id, Patient.deleted_at.is_(None)).with_for_update()
    patient = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if patient is None:
        raise PatientNotFound
    if patient.version != version:
        raise StalePatient(read_patient(actor, patient_id).patient)
    return patient


def touch(actor: Actor, patient: Patient) -> None:
    """Count the version up although nothing of the row itself changed: who reads it must notice."""
    patient.updated_at, patient.updated_by = clock.now(), actor.id


def record_of(actor: Actor, action: str, patient: Patient, changes: dict[str, object]) -> None:
    """Write down what was done with a patient, and tell the centre of the new version."""
    db.session.flush()
    record_change(
        actor, action, subject_type="patient", subject_id=patient.id, patient_id=patient.id, changes=changes,
        event={"patient_version": patient.version},
    )  # fmt: skip
