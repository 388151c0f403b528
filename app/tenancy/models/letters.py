"""Letters that the platform itself writes to operators; hospitals' letters stay in the hospitals."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Identified


class LetterState(enum.StrEnum):
    """`unknown` is a mail server that may have accepted before it went silent: never blindly sent again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class PlatformLetter(Identified, CentralModel):
    """An e-mail to an operator. Its key makes sure of once."""

    __tablename__ = "platform_letters"

    key: Mapped[str] = mapped_column(unique=True, doc="what the letter is about: sent once per key")
    template: Mapped[str]
    locale: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[LetterState] = mapped_column(default=LetterState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index(
            "ix_platform_letters_next_attempt_at",
            "next_attempt_at",
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
        ),
    )
