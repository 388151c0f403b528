"""Reminders of appointments, and the ledger of messages: what became of each, and by which words and ways they go."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class Channel(enum.StrEnum):
    CONSOLE = "console"
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class ReminderState(enum.StrEnum):
    PENDING = "pending"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class MessageState(enum.StrEnum):
    """`sent` was accepted by the provider, which may report `delivered` later.

    `unknown` is a provider that may have accepted before it went silent: never blindly sent again.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ReminderOutcome(enum.StrEnum):
    """Why a reminder was not sent; the last three reached nobody, and a person is told."""

    NOT_WANTED = "not_wanted"
    SUPERSEDED = "superseded"
    NOT_STANDING = "not_standing"
    TOO_LATE = "too_late"
    NO_WAY = "no_way"
    GIVEN_UP = "given_up"


class AppointmentReminder(Identified, Edited, HospitalModel):
    """A reminder that is due at a time, one per appointment and rule; the ledger holds it to once per channel."""

    __tablename__ = "appointment_reminders"

    appointment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("appointments.id"))
    rule: Mapped[str] = mapped_column(doc="how long before, such as `1_day`")
    channel: Mapped[Channel] = mapped_column(doc="by which it was last sent, or will be tried first")
    starts_at: Mapped[datetime | None] = mapped_column(doc="the visit's time of which it reminds")
    turn: Mapped[int] = mapped_column(default=0, server_default="0", doc="how often the visit was moved since")
    due_at: Mapped[datetime]
    state: Mapped[ReminderState] = mapped_column(default=ReminderState.PENDING)
    outcome: Mapped[ReminderOutcome | None]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None] = mapped_column(doc="when somebody took care of who was not reached")
    settled_by: Mapped[UUID | None]

    __table_args__ = (
        sa.UniqueConstraint("appointment_id", "rule", "channel"),
        sa.UniqueConstraint("appointment_id", "rule"),
        sa.Index(
            "ix_appointment_reminders_unreached",
            "due_at",
            postgresql_where=sa.text("state = 'failed' AND settled_at IS NULL"),
        ),
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
    reminder_rule: Mapped[str | None] = mapped_column(doc="the rule of reminders that it follows, such as `1_day`")
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[MessageState] = mapped_column(default=MessageState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    provider: Mapped[str | None] = mapped_column(doc="by which way it went, such as `smtp` or `sms`")
    provider_id: Mapped[str | None] = mapped_column(index=True)
    segments: Mapped[int | None] = mapped_column(doc="how many short messages it takes")
    cost: Mapped[int | None] = mapped_column(sa.BigInteger, doc="in đồng")
    error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_outbound_messages_created_at", "created_at", "id"),
        sa.Index("ix_outbound_messages_unknown", "created_at", postgresql_where=sa.text("state = 'unknown'")),
        sa.Index(
            "ix_outbound_messages_next_attempt_at",
            "next_attempt_at",
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
        ),
    )


class MessageEvent(Identified, HospitalModel):
    """Something that became of a message: a try, a provider's report, a person's decision. Added, never changed."""

    __tablename__ = "message_events"

    message_id: Mapped[UUID] = mapped_column(sa.ForeignKey("outbound_messages.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    state: Mapped[MessageState] = mapped_column(doc="what was said of the message, whether or not it changed it")
    source: Mapped[str] = mapped_column(doc="`worker`, `report` or `person`")
    detail: Mapped[str | None]
    report: Mapped[str | None] = mapped_column(unique=True, doc="what a provider's report is known by: taken once")
    actor_name: Mapped[str | None]


class MessageTemplate(Identified, Edited, Versioned, HospitalModel):
    """The hospital's own words for a message, instead of those that ship."""

    __tablename__ = "message_templates"

    template: Mapped[str]
    channel: Mapped[Channel]
    locale: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]

    __table_args__ = (sa.UniqueConstraint("template", "channel", "locale"),)


class MessageChannel(Identified, Edited, Versioned, HospitalModel):
    """How the hospital uses a channel; what it does not say is the platform's. Secrets are sealed (`gateways`)."""

    __tablename__ = "message_channels"

    channel: Mapped[Channel] = mapped_column(unique=True)
    enabled: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    sender_name: Mapped[str] = mapped_column(default="", server_default="")
    plain_letters: Mapped[bool] = mapped_column(default=True, server_default=sa.true(), doc="without diacritics")
    own_gateway: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    gateway: Mapped[dict[str, Any] | None] = mapped_column(doc="the request to the hospital's own gateway")
    credential_ciphertext: Mapped[bytes | None]
    credential_nonce: Mapped[bytes | None]
    credential_key_id: Mapped[str | None]
    hook_secret_ciphertext: Mapped[bytes | None]
    hook_secret_nonce: Mapped[bytes | None]
    hook_secret_key_id: Mapped[str | None]


class PushSubscription(Identified, HospitalModel):
    """A browser in which a patient wants to be told of messages. Its endpoint is a secret of the browser's maker."""

    __tablename__ = "push_subscriptions"

    patient_user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patient_users.id"))
    endpoint: Mapped[str]
    p256dh: Mapped[str]
    auth: Mapped[str]
    device: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    last_used_at: Mapped[datetime | None]

    __table_args__ = (sa.UniqueConstraint("patient_user_id", "endpoint"),)
