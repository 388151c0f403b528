"""Documents in versions. A version is never changed; a document that was added by mistake is hidden, with a reason."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class DocumentKind(enum.StrEnum):
    """What a document is, by what people look for."""

    REFERRAL = "referral"
    DISCHARGE = "discharge"
    LAB_RESULT = "lab_result"
    IMAGE = "image"
    CONSENT = "consent"
    CERTIFICATE = "certificate"
    INSURANCE = "insurance"
    OTHER = "other"


class DocumentSubject(enum.StrEnum):
    """What a document belongs to besides the patient; who may not see that does not see the document.

    A record is named by its series and a result by the ordered test: both stay the same over all their versions.
    """

    PATIENT = "patient"
    RECORD = "record"
    LAB_ITEM = "lab_item"


class Document(Identified, Edited, Versioned, HospitalModel):
    """A document of a patient's. Since `shared_at` the patient may read it; what belongs to a result goes with that."""

    __tablename__ = "documents"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    kind: Mapped[DocumentKind]
    title: Mapped[str]
    subject_type: Mapped[DocumentSubject] = mapped_column(default=DocumentSubject.PATIENT)
    subject_id: Mapped[UUID | None]
    shared_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[UUID | None]
    delete_reason: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name="title_has_text"),
        sa.CheckConstraint("(subject_type = 'patient') = (subject_id IS NULL)", name="belongs_to_one_thing"),
        sa.CheckConstraint(
            "(deleted_at IS NULL) = (delete_reason IS NULL) AND (deleted_at IS NULL) = (deleted_by IS NULL)",
            name="deleted_for_a_reason",
        ),
        sa.Index("ix_documents_patient_id_created_at", "patient_id", sa.desc("created_at")),
        sa.Index(
            "ix_documents_subject", "subject_type", "subject_id", postgresql_where=sa.text("subject_id IS NOT NULL")
        ),
    )


class DocumentVersion(Identified, HospitalModel):
    """One state of a document: a file, who added it, and what is new in it. The highest number is the present one."""

    __tablename__ = "document_versions"

    document_id: Mapped[UUID] = mapped_column(sa.ForeignKey("documents.id"))
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    number: Mapped[int]
    file_id: Mapped[UUID] = mapped_column(sa.ForeignKey("files.id"), index=True)
    note: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    created_by: Mapped[UUID | None]

    __table_args__ = (
        sa.UniqueConstraint("document_id", "number"),
        sa.CheckConstraint("number > 0", name="number_counts_from_one"),
    )
