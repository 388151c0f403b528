"""Reminders of appointments, and the ledger of messages with their delivery state."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified


class Channel(enum.StrEnum):
    CONSOLE = "console"
    EMAIL = "email"


class ReminderState(enum.StrEnum):
    PENDING = "pending"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class MessageState(enum.StrEnum):
    """`unknown` is a provider that may have accepted before it went silent: never blindly sent again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class AppointmentReminder(Identified, Edited, HospitalModel):
    """A reminder that is due at a time, once per appointment, rule and channel."""

    __tablename__ = "appointment_reminders"

    appointment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("appointments.id"))
    rule: Mapped[str] = mapped_column(doc="how long before, such as `1_day`")
    channel: Mapped[Channel]
    due_at: Mapped[datetime]
    state: Mapped[ReminderState] = mapped_column(default=ReminderState.PENDING)
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("appointment_id", "rule", "channel"),
        sa.CheckConstraint("due_at >= created_at", name="due_after_creation"),
        sa.Index("ix_appointment_reminders_due_at", "due_at", postgresql_where=sa.text("state = 'pending'")),
    )


class OutboundMessage(Identified, Edited, HospitalModel):
    """A message that leaves, or left, the hospital. Its key makes sure of once."""

    __tablename__ = "outbound_messages"

    key: Mapped[str] = mapped_column(unique=True, doc="what the message is about: sent once per key")
    channel: Mapped[Channel]
    template: Mapped[str]
    locale: Mapped[str]
    recipient: Mapped[str]
    patient_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    appointment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointments.id"), index=True)
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[MessageState] = mapped_column(default=MessageState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    error: Mapped[str | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index(
            "ix_outbound_messages_next_attempt_at",
            "next_attempt_at",
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
        ),
    )
