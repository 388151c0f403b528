"""A patient's own documents, as that patient reads them: what is shared, or belongs to a released result.

The database's policies say the same: what a query here forgot would still not be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_access
from app.domain.documents.errors import SINCE, DocumentNotFound
from app.domain.documents.models import Document, DocumentSubject, DocumentVersion
from app.domain.documents.queries import select_newest
from app.domain.files.keeping import read_content
from app.domain.files.models import File
from app.domain.laboratory.models import LabReport
from app.domain.paging import Page, offset_of
from app.tenancy.binding import needs_revision

PER_PAGE = 20


def list_own_documents(actor: Actor, patient_id: UUID, number: int = 1) -> Page[Any]:
    """Return what the hospital shares with a patient, the newest first; results' attachments stand with the result."""
    needs_revision(SINCE)
    wanted = (Document.patient_id == patient_id, Document.deleted_at.is_(None), Document.shared_at <= clock.now())
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Document).where(*wanted)) or 0
    query = select_newest().where(*wanted).order_by(Document.shared_at.desc(), Document.id)
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(number, PER_PAGE))).all()
    record_access(actor, "own.documents", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return Page(rows, number, PER_PAGE, total)


def list_own_attached(patient_id: UUID, item_id: UUID) -> list[Any]:
    """Return what belongs to a result that the patient is reading, as it was when somebody verified the result."""
    query = select_newest(_is_verified()).where(
        Document.patient_id == patient_id,
        Document.subject_type == DocumentSubject.LAB_ITEM,
        Document.subject_id == item_id,
        Document.deleted_at.is_(None),
    )
    return list(db.session.execute(query.order_by(Document.created_at, Document.id).limit(PER_PAGE)).all())


def open_own_document(actor: Actor, patient_id: UUID, document_id: UUID) -> Any:
    """Return the present version of a document that a patient may read; raises DocumentNotFound."""
    needs_revision(SINCE)
    query = (
        sa.select(
            Document.id,
            Document.title,
            Document.kind,
            Document.subject_type,
            DocumentVersion.number,
            DocumentVersion.created_at,
            File.name,
            File.media_type,
            File.size_bytes,
            File.sha256,
        )
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .join(File, File.id == DocumentVersion.file_id)
        .where(
            Document.id == document_id,
            Document.patient_id == patient_id,
            Document.deleted_at.is_(None),
            sa.case(
                (Document.subject_type == DocumentSubject.LAB_ITEM, _is_verified()),
                else_=Document.shared_at <= clock.now(),
            ),
        )
        .order_by(DocumentVersion.number.desc())
        .limit(1)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise DocumentNotFound
    record_access(actor, "own.document", subject_type="document", subject_id=document_id, patient_ids=[patient_id])
    return row


def read_own_document(actor: Actor, patient_id: UUID, document_id: UUID) -> tuple[Any, Iterator[bytes]]:
    """Return a document that a patient may read and its content; raises DocumentNotFound, or NoObject."""
    row = open_own_document(actor, patient_id, document_id)
    return row, read_content(row.sha256)


def _is_verified() -> sa.ColumnElement[bool]:
    """Whether a version of an attachment was there when the result that is released was verified."""
    report = sa.select(LabReport.id).where(
        LabReport.item_id == Document.subject_id,
        LabReport.is_current,
        LabReport.released_at <= clock.now(),
        LabReport.verified_at >= DocumentVersion.created_at,
    )
    return report.correlate(Document, DocumentVersion).exists()
