"""Files by the digest of their content, and the things that they belong to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import HospitalModel, Identified


class File(Identified, HospitalModel):
    """A file. Its content is in the file store, encrypted, under the digest of what it was before."""

    __tablename__ = "files"

    sha256: Mapped[str] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    media_type: Mapped[str]
    name: Mapped[str] = mapped_column(doc="as the person called it; never a path on our side")
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    created_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None] = mapped_column(doc="since when its content is certainly gone")

    __table_args__ = (
        sa.Index(
            "ix_files_to_destroy", "id", postgresql_where=sa.text("deleted_at IS NOT NULL AND destroyed_at IS NULL")
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="digest"),
        sa.CheckConstraint("size_bytes >= 0", name="size_is_not_negative"),
    )


class FileLink(Identified, HospitalModel):
    """What a file belongs to; who may see that may see the file."""

    __tablename__ = "file_links"

    file_id: Mapped[UUID] = mapped_column(sa.ForeignKey("files.id"), index=True)
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    patient_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    created_by: Mapped[UUID | None]

    __table_args__ = (
        sa.UniqueConstraint("file_id", "subject_type", "subject_id"),
        sa.Index("ix_file_links_subject", "subject_type", "subject_id"),
    )
