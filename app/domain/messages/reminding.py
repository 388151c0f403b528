"""What decides about reminders: the hospital's rules, the patients' preferences, and the replies that came by SMS."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class ReplyMeaning(enum.StrEnum):
    """`unclear` means neither, `several` names no single visit, `none` comes where nothing waits for an answer."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    UNCLEAR = "unclear"
    SEVERAL = "several"
    TOO_LATE = "too_late"
    NONE = "none"


class ReminderRule(Identified, Edited, HospitalModel):
    """A reminder so long before each appointment."""

    __tablename__ = "reminder_rules"

    minutes_before: Mapped[int] = mapped_column(unique=True)

    __table_args__ = (sa.CheckConstraint("minutes_before BETWEEN 15 AND 43200", name="minutes_before"),)


class MessagePreference(Edited, Versioned, HospitalModel):
    """How a patient wants to be written to: by which ways in which order, in which language, and about what not."""

    __tablename__ = "message_preferences"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), primary_key=True)
    channels: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), doc="in order; empty: the hospital's order")
    locale: Mapped[str | None]
    muted: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), doc="kinds of messages that are not wanted")


class MessageReply(Identified, HospitalModel):
    """A reply by SMS, without its text: what it meant is all that is kept. Each report of a provider counts once."""

    __tablename__ = "message_replies"

    provider_id: Mapped[str] = mapped_column(unique=True)
    meaning: Mapped[ReplyMeaning]
    patient_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    appointment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointments.id"), index=True)
    received_at: Mapped[datetime]
