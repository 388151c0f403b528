"""How long each kind of record is kept, by which source; and what was purged, with a certificate."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class PurgeState(enum.StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    PERFORMED = "performed"
    DISMISSED = "dismissed"


class RetentionRule(Identified, Edited, Versioned, HospitalModel):
    """How long one kind of record is kept. The law's least years bind: a hospital may keep longer, not shorter."""

    __tablename__ = "retention_rules"

    code: Mapped[str] = mapped_column(unique=True)
    months: Mapped[int]
    least_months: Mapped[int] = mapped_column(doc="what the source asks for; 0 where it is the hospital's choice")
    source: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())

    __table_args__ = (
        sa.CheckConstraint("months >= least_months AND months BETWEEN 1 AND 1200", name="kept_long_enough"),
    )


class RetentionPurge(Identified, Versioned, HospitalModel):
    """A purge of one kind: proposed with counts, confirmed by a person, performed with a certificate, or dismissed."""

    __tablename__ = "retention_purges"

    rule_id: Mapped[UUID] = mapped_column(sa.ForeignKey("retention_rules.id"))
    cut_off: Mapped[datetime]
    state: Mapped[PurgeState] = mapped_column(default=PurgeState.PROPOSED)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    proposed_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    performed_at: Mapped[datetime | None]
    certificate: Mapped[dict[str, Any] | None]
    signature: Mapped[str | None]

    __table_args__ = (
        sa.Index("ix_retention_purges_rule_id", "rule_id", sa.desc("proposed_at")),
        sa.Index(
            "uq_retention_purges_open",
            "rule_id",
            unique=True,
            postgresql_where=sa.text("state IN ('proposed', 'confirmed')"),
        ),
        sa.CheckConstraint(
            "(state = 'performed') = (performed_at IS NOT NULL AND signature IS NOT NULL)", name="certified"
        ),
    )
