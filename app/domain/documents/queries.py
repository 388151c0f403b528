"""Reading documents: a patient's, what belongs to one thing, one with its versions, and the content of a version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.access.reach import Ground, is_within
from app.domain.audit.operations import record_access
from app.domain.documents.errors import SINCE, DocumentNotFound
from app.domain.documents.models import Document, DocumentKind, DocumentSubject, DocumentVersion
from app.domain.documents.rules import ADDED_BY, SEEN_BY
from app.domain.files.keeping import read_content
from app.domain.files.models import File
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_DOCUMENTS
from app.domain.paging import Page, offset_of
from app.domain.patients.queries import PatientRow, read_patient
from app.tenancy.binding import needs_revision

PER_PAGE = 25
MOST_ATTACHED = 50
MOST_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class PatientDocuments:
    """A patient's documents, as far as the person may see what they belong to."""

    patient: PatientRow
    page: Page[Any]
    may_add: bool


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document with its versions, the newest first, and the one that is looked at."""

    row: Any
    patient: PatientRow
    versions: Sequence[Any]
    shown: Any
    may_change: bool


def open_documents(
    actor: Actor, patient_id: UUID, number: int = 1, kind: DocumentKind | None = None
) -> PatientDocuments:
    """Return a patient's documents for somebody to look through, and write down that they did."""
    needs_revision(SINCE)
    patient, ground = read_patient(actor, patient_id, VIEW_DOCUMENTS)
    wanted = [
        Document.patient_id == patient_id,
        Document.deleted_at.is_(None),
        Document.subject_type.in_(_open_subjects(actor, ground)),
    ]
    if kind is not None:
        wanted.append(Document.kind == kind)
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Document).where(*wanted)) or 0
    query = select_newest().where(*wanted).order_by(Document.updated_at.desc(), Document.id)
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(number, PER_PAGE))).all()
    record_access(
        ground.acting, "document.list", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id]
    )
    may_add = actor.may(ADDED_BY[DocumentSubject.PATIENT].code)
    return PatientDocuments(patient, Page(rows, number, PER_PAGE, total), may_add)


def list_attached(subject: DocumentSubject, subject_ids: Collection[UUID]) -> list[Any]:
    """Return what belongs to records or results that the reader was let into already, the oldest first."""
    if not subject_ids:
        return []
    query = select_newest().where(
        Document.subject_type == subject, Document.subject_id.in_(subject_ids), Document.deleted_at.is_(None)
    )
    return list(db.session.execute(query.order_by(Document.created_at, Document.id).limit(MOST_ATTACHED)).all())


def open_document(actor: Actor, document_id: UUID, number: int | None = None) -> OpenDocument:
    """Return a document for somebody to look at, and write down that they did.

    Raises DocumentNotFound, also where the person may not see what it belongs to, or PatientOutOfReach.
    """
    needs_revision(SINCE)
    row = _get(document_id)
    patient, ground = _read_patient(actor, row)
    versions = _list_versions(document_id)
    shown = next((each for each in versions if number in (None, each.number)), None)
    if shown is None:
        raise DocumentNotFound
    record_access(
        ground.acting, "document.view", subject_type="document", subject_id=document_id, patient_ids=[row.patient_id]
    )
    return OpenDocument(row, patient, versions, shown, actor.may(ADDED_BY[row.subject_type].code))


def read_version(actor: Actor, document_id: UUID, number: int | None, action: str) -> tuple[Any, Iterator[bytes]]:
    """Return a version and its content, and write down who read it; raises like `open_document`, or NoObject."""
    needs_revision(SINCE)
    row = _get(document_id)
    ground = _read_patient(actor, row)[1]
    versions = _list_versions(document_id)
    shown = next((each for each in versions if number in (None, each.number)), None)
    if shown is None:
        raise DocumentNotFound
    record_access(ground.acting, action, subject_type="document", subject_id=document_id, patient_ids=[row.patient_id])
    return shown, read_content(shown.sha256)


def _read_patient(actor: Actor, row: Any) -> tuple[PatientRow, Ground]:
    """Return the patient of a document to who may see what it belongs to."""
    needed = [SEEN_BY[row.subject_type]]
    needed += [VIEW_DOCUMENTS] if row.subject_type is DocumentSubject.RECORD else []
    if not all(actor.may(permission.code) for permission in needed):
        raise DocumentNotFound
    patient, ground = read_patient(actor, row.patient_id, needed[0])
    return patient, ground


def _open_subjects(actor: Actor, ground: Ground) -> list[DocumentSubject]:
    return [
        subject
        for subject, permission in SEEN_BY.items()
        if actor.may(permission.code) and is_within(ground, permission)
    ]


def _get(document_id: UUID) -> Any:
    query = sa.select(
        Document.id,
        Document.patient_id,
        Document.kind,
        Document.title,
        Document.subject_type,
        Document.subject_id,
        Document.shared_at,
        Document.created_at,
        Document.updated_at,
        Document.version,
    )
    row = db.session.execute(query.where(Document.id == document_id, Document.deleted_at.is_(None))).one_or_none()
    if row is None:
        raise DocumentNotFound
    return row


def _list_versions(document_id: UUID) -> Sequence[Any]:
    query = (
        sa.select(
            DocumentVersion.number,
            DocumentVersion.note,
            DocumentVersion.created_at,
            StaffUser.full_name.label("added_by"),
            File.name,
            File.media_type,
            File.size_bytes,
            File.sha256,
        )
        .join(File, File.id == DocumentVersion.file_id)
        .outerjoin(StaffUser, StaffUser.id == DocumentVersion.created_by)
        .where(DocumentVersion.document_id == document_id)
        .order_by(DocumentVersion.number.desc())
        .limit(MOST_VERSIONS)
    )
    return db.session.execute(query).all()


def select_newest(*wanted: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the statement that reads documents with their present versions, or the newest of those wanted."""
    newest = (
        sa.select(
            DocumentVersion.number, DocumentVersion.file_id, DocumentVersion.created_at, DocumentVersion.created_by
        )
        .where(DocumentVersion.document_id == Document.id, *wanted)
        .order_by(DocumentVersion.number.desc())
        .limit(1)
        .lateral("newest")
    )
    return (
        sa.select(
            Document.id,
            Document.kind,
            Document.title,
            Document.subject_type,
            Document.subject_id,
            Document.shared_at,
            newest.c.number,
            newest.c.created_at.label("added_at"),
            StaffUser.full_name.label("added_by"),
            File.media_type,
            File.size_bytes,
        )
        .select_from(Document)
        .join(newest, sa.true())
        .join(File, File.id == newest.c.file_id)
        .outerjoin(StaffUser, StaffUser.id == newest.c.created_by)
    )
