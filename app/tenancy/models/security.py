"""What happened to the security of the platform, what raises an alert, and the alerts: the operators' own tables.

A hospital has the same three of its own; the columns of both are written here once.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.core import clock
from app.core.db import CentralModel, Edited, Identified, Versioned
from app.core.ids import new_id
from app.core.risks import Risk


class AlertState(enum.StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    RESOLVED = "resolved"


class Grouping(enum.StrEnum):
    """What the events that one alert counts have in common."""

    ACTOR = "actor"
    SUBJECT = "subject"
    ADDRESS = "address"
    HOSPITAL = "hospital"
    EVERYTHING = "everything"


def _risk(name: str) -> sa.Enum:
    """Return the type of a further column of risks in a table, whose CHECK needs a name of its own."""
    return sa.Enum(
        Risk,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda kind: [member.value for member in kind],
    )


class SecurityEventColumns:
    """Who did or tried what, from where, and how much it matters. Ids and codes; no names typed, nothing clinical."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(primary_key=True, default=clock.now)
    kind: Mapped[str]
    risk: Mapped[Risk]
    portal: Mapped[str | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    subject_type: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    address: Mapped[str | None]
    address_index: Mapped[bytes | None] = mapped_column(doc="keyed digest of the address, the same in every hospital")
    request_id: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AlertRuleColumns:
    """So many events of these kinds within so many minutes raise an alert."""

    name: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), doc="kinds of events; none means all")
    least_risk: Mapped[Risk] = mapped_column(_risk("least_risk"))
    events: Mapped[int] = mapped_column(doc="this many raise an alert")
    minutes: Mapped[int] = mapped_column(doc="within so long")
    counted_by: Mapped[Grouping]
    severity: Mapped[Risk] = mapped_column(_risk("severity"))
    escalate_minutes: Mapped[int | None] = mapped_column(doc="unowned for so long, it is escalated; empty means never")
    quiet_minutes: Mapped[int | None] = mapped_column(doc="without events for so long, it ends; empty means never")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:  # noqa: N805
        return (
            sa.CheckConstraint("events BETWEEN 1 AND 100000", name="counts_events"),
            sa.CheckConstraint("minutes BETWEEN 1 AND 10080", name="lasts_minutes"),
            sa.CheckConstraint("escalate_minutes > 0", name="escalates_later"),
            sa.CheckConstraint("quiet_minutes > 0", name="ends_later"),
        )


class AlertColumns:
    """Something that somebody has to look at. There is one open alert for a rule and what its events have in common."""

    key: Mapped[str]
    severity: Mapped[Risk]
    state: Mapped[AlertState] = mapped_column(default=AlertState.OPEN)
    opened_at: Mapped[datetime]
    first_event_at: Mapped[datetime]
    last_event_at: Mapped[datetime]
    events: Mapped[int]
    owner_id: Mapped[UUID | None]
    owner_name: Mapped[str | None]
    taken_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]


class SecurityEvent(SecurityEventColumns, CentralModel):
    """What happened in the operators' portal, and what hospitals told of theirs, without names. Append-only."""

    __tablename__ = "security_events"

    hospital_id: Mapped[UUID | None]
    heard_at: Mapped[datetime] = mapped_column(default=clock.now, doc="when the centre heard of it")

    __table_args__ = (
        sa.Index("ix_security_events_at", sa.desc("at")),
        sa.Index("ix_security_events_heard_at", sa.desc("heard_at")),
        sa.Index("ix_security_events_hospital_id_at", "hospital_id", sa.desc("at")),
        sa.Index("ix_security_events_kind_at", "kind", sa.desc("at")),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class AlertRule(Identified, Edited, Versioned, AlertRuleColumns, CentralModel):
    """What raises an alert for the operators."""

    __tablename__ = "alert_rules"


class Alert(Identified, Versioned, AlertColumns, CentralModel):
    """An alert for the operators."""

    __tablename__ = "alerts"

    rule_id: Mapped[UUID] = mapped_column(sa.ForeignKey("alert_rules.id"))
    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"), index=True)

    __table_args__ = (
        sa.Index(
            "uq_alerts_rule_id_key", "rule_id", "key", unique=True, postgresql_where=sa.text("state <> 'resolved'")
        ),
        sa.Index("ix_alerts_state_opened_at", "state", sa.desc("opened_at")),
        sa.Index("ix_alerts_rule_id_opened_at", "rule_id", sa.desc("opened_at")),
    )
