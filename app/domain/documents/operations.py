"""Adding documents and versions of them, sharing them with the patient, hiding what was added by mistake."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm.attributes import flag_modified

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Forbidden
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.documents.errors import SINCE, DocumentChanged, DocumentNotFound
from app.domain.documents.models import Document, DocumentSubject, DocumentVersion
from app.domain.documents.rules import ADDED_BY, SEEN_BY, Facts, check_note, check_title
from app.domain.files.keeping import drop_file
from app.domain.files.models import File, FileLink
from app.domain.files.receiving import Sent, received
from app.domain.laboratory.models import LabOrderItem
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import Patient
from app.domain.records.models import MedicalRecord
from app.tenancy.binding import needs_revision

LINKED_AS = "document"
JUST_NOW = timedelta(minutes=1)


def add_document(
    actor: Actor,
    patient_id: UUID,
    facts: Facts,
    sent: Sent | None,
    *,
    subject: DocumentSubject = DocumentSubject.PATIENT,
    subject_id: UUID | None = None,
) -> Document:
    """Keep a file that somebody sent as a document of a patient's.

    Raises InvalidValue, NotTaken, PatientNotFound, PatientOutOfReach, or DocumentNotFound where it is to belong to
    something that is not the patient's.
    """
    needs_revision(SINCE)
    actor = _may_add(actor, patient_id, subject)
    _check_subject(patient_id, subject, subject_id)
    title, note = check_title(facts.title), check_note(facts.note)
    with received(actor, sent) as file:
        _check_subject(patient_id, subject, subject_id, hold=True)  # it may have been joined to another meanwhile
        twice = _find_just_added(actor, patient_id, subject_id, title, file)
        if twice is not None:
            drop_file(file.id)
            return twice
        document = Document(
            patient_id=patient_id, kind=facts.kind, title=title, subject_type=subject, subject_id=subject_id,
            shared_at=clock.now() if facts.is_shared else None, created_by=actor.id, updated_by=actor.id,
        )  # fmt: skip
        db.session.add(document)
        db.session.flush()
        _add_file(actor, document, file, 1, note)
        _record(actor, "document.add", document, kind=facts.kind.value, subject=subject.value, shared=facts.is_shared)
    return document


def add_version(actor: Actor, document_id: UUID, version: int, note: str, sent: Sent | None) -> int:
    """Keep a file as the present version of a document and return its number; raises like `add_document`, or
    DocumentChanged."""
    needs_revision(SINCE)
    patient_id, subject = _whose(document_id)
    actor = _may_add(actor, patient_id, subject)
    note_kept = check_note(note)
    _find(document_id, version)  # before anything is kept
    with received(actor, sent) as file:
        document = _hold(document_id, version)
        newest = sa.select(sa.func.max(DocumentVersion.number)).where(DocumentVersion.document_id == document_id)
        number = (db.session.scalar(newest) or 0) + 1
        document.updated_at, document.updated_by = clock.now(), actor.id
        flag_modified(document, "updated_at")  # so that its version counts on, also within one tick of the clock
        _add_file(actor, document, file, number, note_kept)
        _record(actor, "document.update", document, number=number)
    return number


def share_document(actor: Actor, document_id: UUID, version: int, *, shared: bool) -> None:
    """Let the patient read a document, or no longer; raises DocumentNotFound, PatientOutOfReach, DocumentChanged."""
    needs_revision(SINCE)
    actor = _may_add(actor, *_whose(document_id))
    document = _hold(document_id, version)
    document.shared_at = clock.now() if shared else None
    document.updated_at, document.updated_by = clock.now(), actor.id
    _record(actor, "document.share" if shared else "document.withdraw", document)


def delete_document(actor: Actor, document_id: UUID, version: int, reason: str) -> UUID:
    """Hide a document that is wrong, and return whose it was; it is kept and the reason with it. Raises as sharing."""
    needs_revision(SINCE)
    actor = _may_add(actor, *_whose(document_id))
    kept = check_note(reason, "reason", needed=True)
    document = _hold(document_id, version)
    document.deleted_at, document.deleted_by, document.delete_reason = clock.now(), actor.id, kept
    document.updated_at, document.updated_by = document.deleted_at, actor.id
    _record(actor, "document.delete", document)
    return document.patient_id


def find_attached_to(document_id: UUID) -> UUID:
    """Return the ordered test to which a document is attached; raises DocumentNotFound where it is none of a test's."""
    query = sa.select(Document.subject_id).where(
        Document.id == document_id, Document.subject_type == DocumentSubject.LAB_ITEM, Document.deleted_at.is_(None)
    )
    item_id = db.session.scalar(query)
    if item_id is None:
        raise DocumentNotFound
    return item_id


def _may_add(actor: Actor, patient_id: UUID, subject: DocumentSubject) -> Actor:
    """Ask for both rights: nobody adds to, shares or deletes what they may not see."""
    if not (actor.may(SEEN_BY[subject].code) and actor.may(ADDED_BY[subject].code)):
        raise Forbidden
    return authorise(actor, patient_id, ADDED_BY[subject])


def _check_subject(patient_id: UUID, subject: DocumentSubject, subject_id: UUID | None, *, hold: bool = False) -> None:
    """Raise unless the patient is there, to the end if held, and what the document is to belong to is the patient's."""
    there = sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    if db.session.scalar(there.with_for_update(key_share=True) if hold else there) is None:
        raise PatientNotFound
    if subject is DocumentSubject.PATIENT:
        return
    found = (
        sa.select(MedicalRecord.id).where(MedicalRecord.series_id == subject_id, MedicalRecord.patient_id == patient_id)
        if subject is DocumentSubject.RECORD
        else sa.select(LabOrderItem.id).where(LabOrderItem.id == subject_id, LabOrderItem.patient_id == patient_id)
    )
    if db.session.scalar(found.limit(1)) is None:
        raise DocumentNotFound


def _find_just_added(
    actor: Actor, patient_id: UUID, subject_id: UUID | None, title: str, file: File
) -> Document | None:
    """Return the document that the same person has just made of the same file: a form that was sent twice."""
    query = (
        sa.select(Document)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .join(File, File.id == DocumentVersion.file_id)
        .where(
            Document.patient_id == patient_id,
            Document.subject_id.is_not_distinct_from(subject_id),
            Document.title == title,
            Document.deleted_at.is_(None),
            DocumentVersion.created_by == actor.id,
            DocumentVersion.created_at > clock.now() - JUST_NOW,
            File.sha256 == file.sha256,
            File.name == file.name,
        )
    )
    return db.session.scalar(query.order_by(Document.id.desc()).limit(1))


def _whose(document_id: UUID) -> tuple[UUID, DocumentSubject]:
    query = sa.select(Document.patient_id, Document.subject_type)
    row = db.session.execute(query.where(Document.id == document_id, Document.deleted_at.is_(None))).one_or_none()
    if row is None:
        raise DocumentNotFound
    return row.patient_id, row.subject_type


def _hold(document_id: UUID, version: int) -> Document:
    return _find(document_id, version, hold=True)


def _find(document_id: UUID, version: int, *, hold: bool = False) -> Document:
    query = sa.select(Document).where(Document.id == document_id, Document.deleted_at.is_(None))
    query = (query.with_for_update() if hold else query).execution_options(populate_existing=True)
    document = db.session.scalars(query).one_or_none()
    if document is None:
        raise DocumentNotFound
    if document.version != version:
        raise DocumentChanged
    return document


def _add_file(actor: Actor, document: Document, file: File, number: int, note: str | None) -> None:
    db.session.add(
        DocumentVersion(
            document_id=document.id, patient_id=document.patient_id, number=number, file_id=file.id, note=note,
            created_by=actor.id,
        )
    )  # fmt: skip
    db.session.add(
        FileLink(
            file_id=file.id, subject_type=LINKED_AS, subject_id=document.id, patient_id=document.patient_id,
            created_by=actor.id,
        )
    )  # fmt: skip
    db.session.flush()


def _record(actor: Actor, action: str, document: Document, **changes: object) -> None:
    db.session.flush()
    record_change(
        actor, action, subject_type="document", subject_id=document.id, patient_id=document.patient_id, changes=changes
    )
