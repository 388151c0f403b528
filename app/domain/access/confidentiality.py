"""Saying of a patient that only those who treat them may see their data, and taking it back."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import MANAGE_CONFIDENTIALITY
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Confidentiality, Patient

LONGEST_REASON = 500


def change_confidentiality(actor: Actor, patient_id: UUID, version: int, wanted: Confidentiality, reason: str) -> bool:
    """Change whether a patient is confidential; False where it stood so already.

    Raises InvalidValue without a reason, or StaleVersion when the patient is no longer the version that was read.
    """
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise InvalidValue(_l("Write why, in at most %(most)s characters.", most=LONGEST_REASON), field="reason")
    actor = authorise(actor, patient_id, MANAGE_CONFIDENTIALITY)
    query = sa.select(Patient).where(Patient.id == patient_id, Patient.deleted_at.is_(None)).with_for_update()
    patient = db.session.scalars(query).one_or_none()
    if patient is None:
        raise PatientNotFound
    if patient.version != version:
        raise StaleVersion
    if patient.confidentiality is wanted:
        return False
    before = patient.confidentiality
    patient.confidentiality, patient.updated_at, patient.updated_by = wanted, clock.now(), actor.id
    db.session.flush()
    record_change(
        actor,
        "patient.confidentiality",
        subject_type="patient",
        subject_id=patient_id,
        patient_id=patient_id,
        changes={"confidentiality": [before.value, wanted.value], "reason": reason.strip()},
        event={"patient_version": patient.version},
    )
    return True
