"""What operators asked hospitals for: to see them from inside, for some hours."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Identified

MOST_HOURS = 72


class SupportState(enum.StrEnum):
    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class SupportRequest(Identified, CentralModel):
    """What an operator asked of a hospital, and what the hospital answered; only the hospital's own row opens it."""

    __tablename__ = "support_requests"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), index=True)
    operator_id: Mapped[UUID] = mapped_column(sa.ForeignKey("platform_users.id"), index=True)
    operator_name: Mapped[str]
    reason: Mapped[str]
    hours: Mapped[int]
    state: Mapped[SupportState] = mapped_column(default=SupportState.ASKED)
    asked_at: Mapped[datetime]
    carried_at: Mapped[datetime | None] = mapped_column(doc="when the hospital heard of the present state")
    answered_at: Mapped[datetime | None]
    granted_until: Mapped[datetime | None]
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(sa.Text))
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(f"hours BETWEEN 1 AND {MOST_HOURS}", name="hours_are_few"),
        sa.Index(
            "uq_support_requests_open",
            "hospital_id",
            "operator_id",
            unique=True,
            postgresql_where=sa.text("state = 'asked'"),
        ),
    )
