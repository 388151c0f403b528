"""What roles may do with protected fields, and emergency access with its review."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import HospitalModel, Identified, Versioned
from app.core.permissions import FieldAccess

SHORTEST_REASON = 10
LONGEST_REASON = 500


class Verdict(enum.StrEnum):
    """What a reviewer found."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"


class RoleFieldRule(HospitalModel):
    """What a role may do with a protected field."""

    __tablename__ = "role_field_rules"

    role_id: Mapped[UUID] = mapped_column(sa.ForeignKey("roles.id"), primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    access: Mapped[FieldAccess]


class EmergencyAccess(Identified, Versioned, HospitalModel):
    """A patient's data opened in an emergency by somebody whom the roles would not let in."""

    __tablename__ = "emergency_access"

    staff_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    staff_name: Mapped[str]
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    reason: Mapped[str]
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    review_by: Mapped[datetime]
    verdict: Mapped[Verdict | None]
    review_note: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    reviewed_by_name: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("expires_at > begun_at", name="expires_after_it_began"),
        sa.CheckConstraint(f"length(reason) BETWEEN {SHORTEST_REASON} AND {LONGEST_REASON}", name="has_reason"),
        sa.CheckConstraint("num_nonnulls(verdict, reviewed_at, reviewed_by) IN (0, 3)", name="reviewed_whole"),
        sa.CheckConstraint("reviewed_by <> staff_id", name="reviewed_by_another"),
        sa.Index("ix_emergency_access_staff_id_patient_id_expires_at", "staff_id", "patient_id", "expires_at"),
        sa.Index("ix_emergency_access_to_review", "review_by", postgresql_where=sa.text("reviewed_at IS NULL")),
    )
