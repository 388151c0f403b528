"""The ledger of long work: who asked for what, how far it is, how it ended; and who works on a hospital just now."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import CentralModel, Identified
from app.tenancy.models.hospitals import StepState


class OperationState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Operation(Identified, CentralModel):
    """One piece of long work. Portal and command line write the row; whoever performs it keeps it alive."""

    __tablename__ = "operations"

    kind: Mapped[str]
    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"))
    state: Mapped[OperationState] = mapped_column(default=OperationState.QUEUED)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}", doc="never secrets")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    error: Mapped[str | None]
    remedy: Mapped[str | None]
    done: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    total: Mapped[int | None] = mapped_column(sa.BigInteger)
    note: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    requested_by_kind: Mapped[str]
    requested_by_name: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    not_before: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    runner: Mapped[str | None] = mapped_column(doc="token of who performs it; another one's steps are refused")
    heartbeat_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_operations_hospital_id_requested_at", "hospital_id", sa.desc("requested_at")),
        sa.Index("ix_operations_requested_at", sa.desc("requested_at")),
        sa.Index("ix_operations_kind_requested_at", "kind", sa.desc("requested_at")),
        sa.Index(
            "ix_operations_unfinished", "requested_at", postgresql_where=sa.text("state IN ('queued', 'running')")
        ),
    )


class OperationStep(Identified, CentralModel):
    """One step of an operation; a resumed run skips what is done and reads its details."""

    __tablename__ = "operation_steps"

    operation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("operations.id"))
    step: Mapped[str]
    state: Mapped[StepState]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (sa.UniqueConstraint("operation_id", "step"),)


class HospitalLease(CentralModel):
    """Who changes a hospital as a whole just now; nobody else may until it is given back or has run out."""

    __tablename__ = "hospital_leases"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    runner: Mapped[str]
    purpose: Mapped[str]
    expires_at: Mapped[datetime]
