"""Holding a draft for writing: who may, whether it still is one, and how it stands."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.identity.models import StaffUser
from app.domain.records.errors import NotTreatingDoctor, RecordNotFound, SignedIsFinal, signed_is_final
from app.domain.records.models import MedicalRecord, RecordStatus
from app.domain.records.rules import Standing, note_from


def hold_record(record_id: UUID) -> MedicalRecord:
    """Return a record locked until the end of the unit of work; raises RecordNotFound."""
    query = sa.select(MedicalRecord).where(MedicalRecord.id == record_id).with_for_update()
    record = db.session.scalars(query).one_or_none()
    if record is None:
        raise RecordNotFound
    return record


def hold_draft(actor: Actor, record_id: UUID) -> MedicalRecord:
    """Return a draft that the actor may write in; raises NotTreatingDoctor or SignedIsFinal."""
    record = hold_record(record_id)
    if record.doctor_id != actor.id:
        raise NotTreatingDoctor
    if record.status is not RecordStatus.DRAFT:
        raise SignedIsFinal
    return record


def touch(actor: Actor, record: MedicalRecord) -> None:
    """Count the version up: something that belongs to the record has changed."""
    record.updated_at, record.updated_by = clock.now(), actor.id
    with signed_is_final():
        db.session.flush()


def standing_of(record: MedicalRecord) -> Standing:
    """Return how a draft stands now, for somebody whose edit contradicts it."""
    name = db.session.scalar(sa.select(StaffUser.full_name).where(StaffUser.id == record.updated_by))
    return Standing(note_from(record), record.version, name or "", record.updated_at)
