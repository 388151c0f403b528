"""Writing records: starting a consultation, saving its draft, diagnoses, signing, and amending what was signed."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.visits import HERE, hold_visit
from app.domain.audit.operations import record_change
from app.domain.prescriptions.operations import copy_prescription, list_item_ids
from app.domain.records.drafts import hold_draft, hold_record, standing_of, touch
from app.domain.records.errors import (
    DuplicateDiagnosis,
    NotArrived,
    NothingToAmend,
    NotTreatingDoctor,
    RecordNotFound,
    StaleRecord,
    signed_is_final,
)
from app.domain.records.hiding import as_far_as_open
from app.domain.records.icd10_titles import get_titled
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus
from app.domain.records.rules import NOTE_FIELDS, Note, check_length, differing, fingerprint, note_from, was_seen

LONGEST_REASON = 500


def start_consultation(actor: Actor, appointment_id: UUID) -> MedicalRecord:
    """Begin a consultation and its draft; one that has begun is returned as it is.

    Raises NotTreatingDoctor for any doctor but the visit's, NotArrived before check-in.
    """
    visit = hold_visit(appointment_id)
    if visit.doctor_id != actor.id:
        raise NotTreatingDoctor
    if visit.status not in HERE:
        raise NotArrived
    if visit.status is not AppointmentStatus.ARRIVED:
        return _newest_of(appointment_id)
    visit.status, visit.started_at, visit.updated_by = AppointmentStatus.IN_PROGRESS, clock.now(), actor.id
    record_id = new_id()
    record = MedicalRecord(
        id=record_id,
        series_id=record_id,
        patient_id=visit.patient_id,
        appointment_id=visit.id,
        doctor_id=visit.doctor_id,
        complaint=visit.reason,
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(record)
    db.session.flush()
    event = {"patient_id": str(visit.patient_id), "record_id": str(record_id)}
    _record(actor, "appointment.start", record, ("appointment", visit.id), ["status"], event=event)
    return record


def save_draft(actor: Actor, record_id: UUID, *, version: int, was: Note, note: Note) -> MedicalRecord:
    """Save the texts of a draft; `was` is what the page began with, at `version`.

    Raises StaleRecord where somebody, or another window, has written what this page has not seen.
    """
    record, note, was = hold_draft(actor, record_id), note.normalised(), was.normalised()
    check_length(note)
    stored = note_from(record)
    note = as_far_as_open(actor, note, stored)
    if record.version != version and not was_seen(stored, was, note):
        raise StaleRecord(standing_of(record))
    changed = differing(stored, note)
    if changed:
        for name in changed:
            setattr(record, name, getattr(note, name))
        touch(actor, record)
        _record(actor, "record.save", record, ("medical_record", record.id), changed)
    return record


def add_diagnosis(actor: Actor, record_id: UUID, code: str, kind: DiagnosisKind | None = None) -> RecordDiagnosis:
    """Add a diagnosis by ICD-10 code: the first is the primary one, a new primary makes the former secondary.

    Raises UnknownDiagnosis or DuplicateDiagnosis.
    """
    record, found = hold_draft(actor, record_id), get_titled(code)
    present = list(db.session.scalars(_diagnoses_of(record_id)))
    if any(entry.code == found.code for entry in present):
        raise DuplicateDiagnosis(_l("%(code)s is on the list already.", code=found.code), field="diagnosis_q")
    former = next((entry for entry in present if entry.kind is DiagnosisKind.PRIMARY), None)
    kind = kind or (DiagnosisKind.SECONDARY if former else DiagnosisKind.PRIMARY)
    if former and kind is DiagnosisKind.PRIMARY:
        former.kind = DiagnosisKind.SECONDARY
        db.session.flush()
    diagnosis = RecordDiagnosis(
        record_id=record_id,
        code=found.code,
        title=found.title("vi"),
        title_en=found.title_en,
        kind=kind,
        position=max((entry.position for entry in present), default=-1) + 1,
        created_by=actor.id,
    )
    db.session.add(diagnosis)
    touch(actor, record)
    _record(actor, "record.add_diagnosis", record, ("record_diagnosis", diagnosis.id), ["diagnoses"])
    return diagnosis


def remove_diagnosis(actor: Actor, record_id: UUID, diagnosis_id: UUID) -> None:
    """Take a diagnosis off a draft; one that is gone already harms nothing. No other one becomes primary by itself."""
    record = hold_draft(actor, record_id)
    leaving = sa.delete(RecordDiagnosis).where(
        RecordDiagnosis.id == diagnosis_id, RecordDiagnosis.record_id == record_id
    )
    with signed_is_final():
        db.session.execute(leaving)
    touch(actor, record)
    _record(actor, "record.remove_diagnosis", record, ("record_diagnosis", diagnosis_id), ["diagnoses"])


def make_primary(actor: Actor, record_id: UUID, diagnosis_id: UUID) -> None:
    """Make one diagnosis of a draft the primary one; the former becomes secondary."""
    record = hold_draft(actor, record_id)
    present = list(db.session.scalars(_diagnoses_of(record_id)))
    chosen = next((entry for entry in present if entry.id == diagnosis_id), None)
    if chosen is None:
        raise RecordNotFound
    for entry in present:
        entry.kind = DiagnosisKind.SECONDARY
    db.session.flush()
    chosen.kind = DiagnosisKind.PRIMARY
    touch(actor, record)
    _record(actor, "record.make_primary", record, ("record_diagnosis", diagnosis_id), ["diagnoses"])


def amend_record(actor: Actor, record_id: UUID, reason: str) -> MedicalRecord:
    """Begin a new version of a signed record, filled with what was signed; an amendment that is open is returned.

    Raises NotTreatingDoctor, or NothingToAmend for anything but the signed version in force.
    """
    signed, reason = hold_record(record_id), reason.strip()
    if signed.doctor_id != actor.id:
        raise NotTreatingDoctor
    if not signed.is_current:
        raise NothingToAmend
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Write why the record is amended, in at most 500 characters."), field="reason")
    open_draft = db.session.scalars(
        sa.select(MedicalRecord).where(
            MedicalRecord.series_id == signed.series_id, MedicalRecord.status == RecordStatus.DRAFT
        )
    ).one_or_none()
    return open_draft or _next_version(actor, signed, reason)


def fingerprint_of(record_id: UUID) -> str:
    """Return the fingerprint of the diagnoses and medicines that a record has now."""
    diagnoses = [(entry.id, entry.kind) for entry in db.session.scalars(_diagnoses_of(record_id))]
    return fingerprint(diagnoses, list_item_ids(record_id))


def _next_version(actor: Actor, signed: MedicalRecord, reason: str) -> MedicalRecord:
    draft = MedicalRecord(
        series_id=signed.series_id,
        parent_id=signed.id,
        number=signed.number + 1,
        patient_id=signed.patient_id,
        appointment_id=signed.appointment_id,
        doctor_id=signed.doctor_id,
        amendment_reason=reason,
        created_by=actor.id,
        updated_by=actor.id,
        **{name: getattr(signed, name) for name in NOTE_FIELDS},
    )
    try:
        with db.session.begin_nested():
            db.session.add(draft)
    except IntegrityError:
        raise NothingToAmend from None
    for entry in list(db.session.scalars(_diagnoses_of(signed.id))):
        copied = {name: getattr(entry, name) for name in ("code", "title", "title_en", "kind", "position")}
        db.session.add(RecordDiagnosis(record_id=draft.id, created_by=actor.id, **copied))
    copy_prescription(actor, signed.id, draft.id)
    db.session.flush()
    _record(actor, "record.begin_amendment", draft, ("medical_record", draft.id), ["amendment_reason"])
    return draft


def _newest_of(appointment_id: UUID) -> MedicalRecord:
    query = sa.select(MedicalRecord).where(MedicalRecord.appointment_id == appointment_id)
    record = db.session.scalars(query.order_by(MedicalRecord.number.desc()).limit(1)).one_or_none()
    if record is None:
        raise RecordNotFound
    return record


def _diagnoses_of(record_id: UUID) -> sa.Select[RecordDiagnosis]:
    query = sa.select(RecordDiagnosis).where(RecordDiagnosis.record_id == record_id)
    return query.order_by(RecordDiagnosis.position, RecordDiagnosis.id)


def _record(
    actor: Actor,
    action: str,
    record: MedicalRecord,
    subject: tuple[str, UUID],
    changed: list[str],
    *,
    event: dict[str, str] | None = None,
) -> None:
    record_change(
        actor,
        action,
        subject_type=subject[0],
        subject_id=subject[1],
        patient_id=record.patient_id,
        changes={"fields": changed, "record_id": str(record.id)},
        event=event,
    )
