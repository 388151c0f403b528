"""Signing a record: the note and the prescription are frozen, the visit is over, the version before is amended."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.visits import hold_visit
from app.domain.audit.operations import record_change
from app.domain.prescriptions.operations import replace_prescription, sign_prescription
from app.domain.prescriptions.reviewing import check_can_prescribe
from app.domain.records.errors import NotAsSeen, signed_is_final
from app.domain.records.models import MedicalRecord, RecordDiagnosis, RecordStatus
from app.domain.records.operations import fingerprint_of, save_draft
from app.domain.records.rules import Note, check_can_sign, note_from


def sign_record(actor: Actor, record_id: UUID, *, version: int, was: Note, note: Note, seen: str) -> MedicalRecord:
    """Save what the page holds and sign it; `seen` is the fingerprint of the diagnoses and medicines in view.

    Raises CannotSign, UnansweredWarnings, PrescribesForDeceased, StaleRecord, NotAsSeen, NotTreatingDoctor or
    SignedIsFinal; then nothing is signed.
    """
    record = save_draft(actor, record_id, version=version, was=was, note=note)
    kinds = db.session.scalars(sa.select(RecordDiagnosis.kind).where(RecordDiagnosis.record_id == record_id))
    check_can_sign(note_from(record), list(kinds))
    if fingerprint_of(record_id) != seen:
        raise NotAsSeen
    check_can_prescribe(record_id, record.patient_id)
    with signed_is_final():
        if record.parent_id is not None:
            _retire(actor, record.parent_id)
            replace_prescription(actor, record.parent_id)
        record.status, record.is_current = RecordStatus.SIGNED, True
        record.signed_at, record.signed_by, record.updated_by = clock.now(), actor.id, actor.id
        db.session.flush()
        sign_prescription(actor, record_id)
    _record(actor, "record.sign", record)
    if record.parent_id is not None:
        _record(actor, "record.amend", record, parent_id=str(record.parent_id))
    _complete_visit(actor, record.appointment_id)
    return record


def _retire(actor: Actor, parent_id: UUID) -> None:
    # Before the new version becomes current: the partial unique index knows one current version per series.
    db.session.execute(
        sa.update(MedicalRecord)
        .where(MedicalRecord.id == parent_id)
        .values(
            status=RecordStatus.AMENDED,
            is_current=False,
            updated_by=actor.id,
            updated_at=clock.now(),
            version=MedicalRecord.version + 1,
        )
    )


def _complete_visit(actor: Actor, appointment_id: UUID) -> None:
    visit = hold_visit(appointment_id)
    if visit.status is not AppointmentStatus.IN_PROGRESS:
        return
    visit.status, visit.finished_at, visit.updated_by = AppointmentStatus.COMPLETED, clock.now(), actor.id
    db.session.flush()
    record_change(
        actor,
        "appointment.complete",
        subject_type="appointment",
        subject_id=visit.id,
        patient_id=visit.patient_id,
        changes={"fields": ["status"]},
        event={"patient_id": str(visit.patient_id)},
    )


def _record(actor: Actor, action: str, record: MedicalRecord, **facts: str) -> None:
    record_change(
        actor,
        action,
        subject_type="medical_record",
        subject_id=record.id,
        patient_id=record.patient_id,
        changes={"fields": ["status"], **facts},
        event={
            "patient_id": str(record.patient_id),
            "appointment_id": str(record.appointment_id),
            "series_id": str(record.series_id),
            "number": record.number,
            **facts,
        },
    )
