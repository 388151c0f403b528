"""Patients' requests about their data, with the time that the law gives, and the exports that answer some of them."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class RequestKind(enum.StrEnum):
    ACCESS = "access"
    EXPORT = "export"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    ERASURE = "erasure"


class RequestState(enum.StrEnum):
    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class RequestVia(enum.StrEnum):
    PORTAL = "portal"
    DESK = "desk"


class DataRequest(Identified, Edited, Versioned, HospitalModel):
    """What a patient asks for. `reply_by` is for saying that it was received and how it goes on, `due_at` for doing."""

    __tablename__ = "data_requests"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'YC-' || to_char(nextval('data_request_code_seq'), 'FM999999999000000')")
    )
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    kind: Mapped[RequestKind]
    state: Mapped[RequestState] = mapped_column(default=RequestState.RECEIVED)
    via: Mapped[RequestVia]
    wish: Mapped[str] = mapped_column(default="", server_default="")
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    reply_by: Mapped[datetime]
    due_at: Mapped[datetime]
    extended_at: Mapped[datetime | None]
    extension_reason: Mapped[str | None]
    handler_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    taken_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None] = mapped_column(doc="when it was reported as overdue")

    __table_args__ = (
        sa.Index("ix_data_requests_patient_id", "patient_id", sa.desc("received_at")),
        sa.Index("ix_data_requests_due_at", "due_at", postgresql_where=sa.text("state IN ('received', 'in_progress')")),
        sa.CheckConstraint("due_at >= received_at", name="due_after_receipt"),
        sa.CheckConstraint("length(wish) <= 4000", name="wish_is_short"),
    )


class OwnExport(Identified, HospitalModel):
    """A patient's data put together as a file: asked for, made by a worker, fetched by the patient, gone after days."""

    __tablename__ = "own_exports"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    request_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("data_requests.id"), index=True)
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    asked_by_kind: Mapped[str]
    asked_by: Mapped[UUID | None]
    file_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("files.id"), index=True)
    counts: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    made_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(doc="when its file was destroyed, or it was given up")
    error: Mapped[str | None]

    @property
    def is_ready(self) -> bool:
        """Tell whether the copy can be fetched."""
        made = self.made_at is not None and self.ended_at is None
        return made and self.expires_at is not None and self.expires_at > clock.now()

    @property
    def is_being_made(self) -> bool:
        """Tell whether a worker is to make the copy."""
        return self.made_at is None and self.ended_at is None

    __table_args__ = (
        sa.Index("ix_own_exports_patient_id", "patient_id", sa.desc("asked_at")),
        sa.Index(
            "uq_own_exports_open",
            "patient_id",
            unique=True,
            postgresql_where=sa.text("made_at IS NULL AND ended_at IS NULL"),
        ),
        sa.Index("ix_own_exports_next_attempt_at", "next_attempt_at", postgresql_where=sa.text("ended_at IS NULL")),
    )
