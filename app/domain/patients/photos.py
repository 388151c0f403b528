"""A patient's photograph, by which the desk and the nurse see that this is the person: one at a time, encrypted.

Whoever may see the patient may see it. It goes with the person when their data are erased, like every linked file.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.files.keeping import drop_file
from app.domain.files.models import File, FileLink
from app.domain.files.receiving import IMAGES, Sent, received
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Patient

LINKED_AS = "patient_photo"


def find_photo(patient_id: UUID) -> Any | None:
    """Return file_id, sha256, media_type and created_at of a patient's photograph, or None."""
    query = (
        sa.select(File.id.label("file_id"), File.sha256, File.media_type, File.created_at)
        .join(FileLink, FileLink.file_id == File.id)
        .where(FileLink.subject_type == LINKED_AS, FileLink.subject_id == patient_id, File.deleted_at.is_(None))
        .order_by(FileLink.created_at.desc(), FileLink.id.desc())
        .limit(1)
    )
    return db.session.execute(query).one_or_none()


def change_photo(actor: Actor, patient_id: UUID, sent: Sent | None) -> None:
    """Put a photograph in the place of the one that stands; raises NotTaken, PatientNotFound or PatientOutOfReach."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    there = sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    if db.session.scalar(there) is None:
        raise PatientNotFound
    with received(actor, sent, IMAGES) as file:
        if db.session.scalar(there.with_for_update(key_share=True)) is None:
            raise PatientNotFound
        _take_away(patient_id)
        link = FileLink(
            file_id=file.id, subject_type=LINKED_AS, subject_id=patient_id, patient_id=patient_id, created_by=actor.id
        )
        db.session.add(link)
        db.session.flush()
        _record(actor, "patient.photo", patient_id)


def remove_photo(actor: Actor, patient_id: UUID) -> None:
    """Take a patient's photograph away and destroy it; again changes nothing. Raises PatientNotFound."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    if db.session.scalar(sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))) is None:
        raise PatientNotFound
    if _take_away(patient_id):
        _record(actor, "patient.photo_remove", patient_id)


def _take_away(patient_id: UUID) -> bool:
    query = sa.select(FileLink).where(FileLink.subject_type == LINKED_AS, FileLink.subject_id == patient_id)
    links = db.session.scalars(query.with_for_update()).all()
    standing = [link for link in links if db.session.get_one(File, link.file_id).deleted_at is None]
    for link in standing:
        drop_file(link.file_id)
    return bool(standing)


def _record(actor: Actor, action: str, patient_id: UUID) -> None:
    record_change(actor, action, subject_type="patient", subject_id=patient_id, patient_id=patient_id)
