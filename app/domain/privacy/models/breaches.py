"""The register of data breaches: what happened, the clock that runs from its discovery, and whom it affects."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class BreachState(enum.StrEnum):
    OPEN = "open"
    NOTIFIED = "notified"
    CLOSED = "closed"


class BreachEntryKind(enum.StrEnum):
    REGISTERED = "registered"
    CHANGED = "changed"
    NOTE = "note"
    AFFECTED = "affected"
    NOTIFIED = "notified"
    LETTERS = "letters"
    CLOSED = "closed"


class AddedBy(enum.StrEnum):
    """How somebody came onto the list of those affected."""

    ACCESS_LOG = "access_log"
    HAND = "hand"
    FILE = "file"


class Breach(Identified, Edited, Versioned, HospitalModel):
    """A breach of personal data. `notify_by` is 72 hours after its discovery."""

    __tablename__ = "breaches"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'VP-' || to_char(nextval('breach_code_seq'), 'FM9999999990000')")
    )
    title: Mapped[str]
    what: Mapped[str]
    categories: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    consequences: Mapped[str] = mapped_column(default="", server_default="")
    measures: Mapped[str] = mapped_column(default="", server_default="")
    occurred_at: Mapped[datetime | None]
    discovered_at: Mapped[datetime]
    notify_by: Mapped[datetime]
    notified_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    state: Mapped[BreachState] = mapped_column(default=BreachState.OPEN)

    __table_args__ = (
        sa.Index("ix_breaches_state_discovered_at", "state", sa.desc("discovered_at")),
        sa.CheckConstraint("notify_by > discovered_at", name="clock_runs"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
    )


class BreachEntry(Identified, HospitalModel):
    """One line of a breach's history. Append-only."""

    __tablename__ = "breach_entries"

    breach_id: Mapped[UUID] = mapped_column(sa.ForeignKey("breaches.id"))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    kind: Mapped[BreachEntryKind]
    note: Mapped[str] = mapped_column(default="", server_default="")
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]

    __table_args__ = (sa.Index("ix_breach_entries_breach_id", "breach_id", "at"),)


class BreachAffected(HospitalModel):
    """A patient whose data a breach touches, and the letter that told them."""

    __tablename__ = "breach_affected"

    breach_id: Mapped[UUID] = mapped_column(sa.ForeignKey("breaches.id"), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), primary_key=True, index=True)
    added_by: Mapped[AddedBy]
    added_at: Mapped[datetime] = mapped_column(default=clock.now)
    letter_at: Mapped[datetime | None]
    letter_channel: Mapped[str | None]
