"""What a hospital was asked and what it granted, and the visits that came of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import HospitalModel, Identified, Versioned
from app.domain.identity.models import BrowserSession
from app.tenancy.models.support import MOST_HOURS, SupportState


class SupportGrant(Identified, Versioned, HospitalModel):
    """An operator's request and the hospital's answer; its id is the request's at the centre."""

    __tablename__ = "support_grants"

    operator_id: Mapped[UUID]
    operator_name: Mapped[str]
    reason: Mapped[str]
    hours_asked: Mapped[int]
    asked_at: Mapped[datetime]
    received_at: Mapped[datetime]
    state: Mapped[SupportState] = mapped_column(default=SupportState.ASKED)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    hours: Mapped[int | None]
    expires_at: Mapped[datetime | None]
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(sa.Text))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(doc="`hospital` or `operator`")

    __table_args__ = (
        sa.CheckConstraint(f"hours BETWEEN 1 AND {MOST_HOURS}", name="hours_are_few"),
        sa.CheckConstraint("state <> 'granted' OR expires_at IS NOT NULL", name="granted_for_a_time"),
        sa.Index("ix_support_grants_asked_at", sa.desc("asked_at")),
    )


class SupportSession(Identified, BrowserSession, HospitalModel):
    """An operator's browser inside the hospital; it begins as a single-use hand-off from the operators' portal."""

    __tablename__ = "support_sessions"

    grant_id: Mapped[UUID] = mapped_column(sa.ForeignKey("support_grants.id"), index=True)
    handoff_hash: Mapped[bytes | None] = mapped_column(unique=True)
    handoff_expires_at: Mapped[datetime | None]
