"""What the centre knows of its hospitals: whom they know (blindly), how far it has heard of them, how they do."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel, Identified


class HealthStatus(enum.StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class RunStatus(enum.StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class PatientIndexEntry(Identified, CentralModel):
    """A patient of one hospital, findable by who already knows an identifier, readable by nobody here."""

    __tablename__ = "patient_index"

    patient_global_id: Mapped[UUID] = mapped_column(index=True)
    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    patient_id: Mapped[UUID]
    cccd_index: Mapped[bytes | None] = mapped_column(index=True)
    bhyt_index: Mapped[bytes | None] = mapped_column(index=True)
    phone_index: Mapped[bytes | None] = mapped_column(index=True)
    email_index: Mapped[bytes | None] = mapped_column(index=True)
    name_ciphertext: Mapped[bytes]
    name_nonce: Mapped[bytes]
    name_key_id: Mapped[str]
    source_version: Mapped[int] = mapped_column(sa.BigInteger, doc="version of the patient's row in the hospital")
    deactivated_at: Mapped[datetime | None]
    merged_into: Mapped[UUID | None] = mapped_column(doc="the patient of the same hospital who this one is")

    __table_args__ = (sa.UniqueConstraint("hospital_id", "patient_id"),)


class SyncCursor(CentralModel):
    """How far one consumer has read a hospital's outbox."""

    __tablename__ = "sync_cursors"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    updated_at: Mapped[datetime]


class SyncRun(Identified, CentralModel):
    """One run of the sync worker over one hospital's outbox."""

    __tablename__ = "sync_runs"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    kind: Mapped[str]
    status: Mapped[RunStatus]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    from_position: Mapped[int] = mapped_column(sa.BigInteger)
    to_position: Mapped[int] = mapped_column(sa.BigInteger)
    events: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="rows per table of the hospital at that time")
    checksum: Mapped[str | None]
    error: Mapped[str | None]

    __table_args__ = (sa.Index("ix_sync_runs_hospital_id_started_at", "hospital_id", sa.desc("started_at")),)


class HealthCheck(Identified, CentralModel):
    """How one service of one hospital (or of the platform) answered at one time."""

    __tablename__ = "health_checks"

    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"))
    service: Mapped[str]
    status: Mapped[HealthStatus]
    response_ms: Mapped[float | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="size_bytes, connections, revision")
    error: Mapped[str | None]
    checked_at: Mapped[datetime]

    __table_args__ = (
        sa.Index("ix_health_checks_hospital_id_checked_at", "hospital_id", "service", sa.desc("checked_at")),
        sa.Index("ix_health_checks_checked_at", "checked_at"),
    )


class PlatformAuditEntry(CentralModel):
    """Who did what to which hospital. Append-only; partitioned by month."""

    __tablename__ = "platform_audit_log"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    hospital_id: Mapped[UUID | None]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID | None]
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    risk: Mapped[str] = mapped_column(default="low", server_default="low")
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    xid: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.FetchedValue())
    recorded_at: Mapped[datetime | None] = mapped_column(server_default=sa.FetchedValue())

    __table_args__ = (
        sa.Index("ix_platform_audit_log_at", sa.desc("at")),
        sa.Index("ix_platform_audit_log_hospital_id_at", "hospital_id", sa.desc("at")),
        sa.Index("ix_platform_audit_log_actor_id_at", "actor_id", sa.desc("at")),
        sa.Index("ix_platform_audit_log_action_at", "action", sa.desc("at")),
        sa.Index("ix_platform_audit_log_xid", "xid"),
        {"postgresql_partition_by": "RANGE (at)"},
    )
