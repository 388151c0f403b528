"""Erasing or de-identifying a patient, and the legal holds that forbid it."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import HospitalModel, Identified, Versioned


class ErasureKind(enum.StrEnum):
    """`deidentify` leaves what the law keeps, without whose it is; `erase` leaves an empty row that logs point to."""

    DEIDENTIFY = "deidentify"
    ERASE = "erase"


class ErasureState(enum.StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    PERFORMED = "performed"
    REFUSED = "refused"


class LegalHold(Identified, Versioned, HospitalModel):
    """A reason for which nothing of a patient may be erased or purged, such as a dispute or an investigation."""

    __tablename__ = "legal_holds"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    reason: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(default=clock.now)
    placed_by: Mapped[UUID | None]
    placed_by_name: Mapped[str]
    review_on: Mapped[date | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[UUID | None]
    release_reason: Mapped[str | None]

    __table_args__ = (
        sa.Index("ix_legal_holds_patient_id", "patient_id"),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 1000", name="has_reason"),
        sa.CheckConstraint("(released_at IS NULL) = (release_reason IS NULL)", name="released_for_a_reason"),
    )


class Erasure(Identified, Versioned, HospitalModel):
    """A decision to erase or de-identify, by two people; what was done, and what stays until when.

    `reapplied_at` marks one that a restored database was told by the centre or by the database it replaces.
    """

    __tablename__ = "erasures"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    request_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("data_requests.id"), index=True)
    kind: Mapped[ErasureKind]
    state: Mapped[ErasureState] = mapped_column(default=ErasureState.PROPOSED)
    reason: Mapped[str]
    proposed_at: Mapped[datetime] = mapped_column(default=clock.now)
    proposed_by: Mapped[UUID | None]
    proposed_by_name: Mapped[str]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    performed_at: Mapped[datetime | None]
    reapplied_at: Mapped[datetime | None]
    statement: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (
        sa.Index(
            "uq_erasures_open",
            "patient_id",
            unique=True,
            postgresql_where=sa.text("state IN ('proposed', 'approved')"),
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'refused') OR reapplied_at IS NOT NULL"
            " OR (decided_by IS NOT NULL AND proposed_by IS NOT NULL AND decided_by <> proposed_by)",
            name="decided_by_two",
        ),
        sa.CheckConstraint("(state = 'performed') = (performed_at IS NOT NULL)", name="performed_at"),
    )
