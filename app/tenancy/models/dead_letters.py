"""Work that was given up, with why: until somebody has it done again, or says why it need not be."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Identified, Versioned


class LetterSource(enum.StrEnum):
    """What was given up: a job, an event that a consumer could not stand, or an outgoing message."""

    JOB = "job"
    EVENT = "event"
    MESSAGE = "message"


class DeadLetterState(enum.StrEnum):
    OPEN = "open"
    RETRIED = "retried"
    DISMISSED = "dismissed"


class DeadLetter(Identified, Versioned, CentralModel):
    """One piece of work that was given up. `detail` and `payload` hold codes and ids, nothing of patients.

    What is given up again while its letter is open is counted on that letter: `key` says what is the same work.
    """

    __tablename__ = "dead_letters"

    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"), index=True)
    source: Mapped[LetterSource]
    name: Mapped[str] = mapped_column(doc="which job, consumer or channel")
    key: Mapped[str] = mapped_column(doc="digest of what is the same work")
    reason: Mapped[str] = mapped_column(doc="a code")
    detail: Mapped[str]
    payload: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=1)
    state: Mapped[DeadLetterState] = mapped_column(default=DeadLetterState.OPEN)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_name: Mapped[str | None]
    decision: Mapped[str | None] = mapped_column(doc="why it was dismissed")

    __table_args__ = (
        sa.CheckConstraint("attempts > 0", name="was_tried"),
        sa.CheckConstraint("state = 'open' OR decided_at IS NOT NULL", name="decided_when"),
        sa.Index("uq_dead_letters_key", "key", unique=True, postgresql_where=sa.text("state = 'open'")),
        sa.Index("ix_dead_letters_state_last_at", "state", sa.desc("last_at")),
    )
