"""What keeps a hospital's data: backups and restores, what was set aside, migrations, credentials, its end."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import CentralModel, Edited, Identified


class BackupState(enum.StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"


class RestoreState(enum.StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class MigrationState(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    ROLLED_BACK = "rolled_back"


class CheckState(enum.StrEnum):
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class Backup(Identified, CentralModel):
    """One backup of one hospital. Its truth is the manifest in the store; these rows can be made again from there."""

    __tablename__ = "backups"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    operation_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("operations.id"), index=True)
    reason: Mapped[str] = mapped_column(doc="manual, schedule, before_delete, before_restore, before_migration, found")
    state: Mapped[BackupState] = mapped_column(default=BackupState.RUNNING)
    location: Mapped[str] = mapped_column(unique=True, doc="its prefix in the backup store")
    revision: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(sa.BigInteger, doc="in the store, compressed and encrypted")
    plain_bytes: Mapped[int | None] = mapped_column(sa.BigInteger)
    checksum: Mapped[str | None] = mapped_column(doc="SHA-256 of the stored archive, hexadecimal")
    key_id: Mapped[str | None]
    manifest: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    pinned_until: Mapped[datetime | None] = mapped_column(doc="retention leaves it alone until then")
    verified_at: Mapped[datetime | None] = mapped_column(doc="every byte was read, opened and compared")
    proven_at: Mapped[datetime | None] = mapped_column(doc="it was restored and agreed with its manifest")
    pruned_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("ix_backups_hospital_id_started_at", "hospital_id", sa.desc("started_at")),)


class BackupPolicy(Edited, CentralModel):
    """How often a hospital is backed up, how long that is kept, how often it is proven; without a row the defaults."""

    __tablename__ = "backup_policies"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    every_hours: Mapped[int]
    keep_daily: Mapped[int]
    keep_weekly: Mapped[int]
    keep_monthly: Mapped[int]
    keep_yearly: Mapped[int]
    drill_every_days: Mapped[int]

    __table_args__ = (
        sa.CheckConstraint(
            "every_hours > 0 AND drill_every_days > 0 AND keep_daily > 0"
            " AND keep_weekly >= 0 AND keep_monthly >= 0 AND keep_yearly >= 0",
            name="makes_sense",
        ),
    )


class RestoreRun(Identified, CentralModel):
    """One restore of one backup: into place, or as a drill that proves it."""

    __tablename__ = "restore_runs"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    backup_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("backups.id"), index=True)
    operation_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("operations.id"), index=True)
    kind: Mapped[str] = mapped_column(doc="restore, drill, import, clone")
    state: Mapped[RestoreState] = mapped_column(default=RestoreState.RUNNING)
    database_name: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
    rows: Mapped[int | None] = mapped_column(sa.BigInteger)
    mismatches: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    error: Mapped[str | None]

    __table_args__ = (sa.Index("ix_restore_runs_hospital_id_started_at", "hospital_id", sa.desc("started_at")),)


class RetiredDatabase(Identified, CentralModel):
    """A database that a hospital no longer uses: kept until `drop_after`, and brought back on request."""

    __tablename__ = "retired_databases"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), index=True)
    cluster_id: Mapped[UUID] = mapped_column(sa.ForeignKey("database_clusters.id"), index=True)
    reason: Mapped[str] = mapped_column(doc="restore, move")
    database_name: Mapped[str]
    login_role: Mapped[str]
    password_ciphertext: Mapped[bytes]
    password_nonce: Mapped[bytes]
    password_key_id: Mapped[str]
    revision: Mapped[str | None]
    retired_at: Mapped[datetime] = mapped_column(default=clock.now)
    drop_after: Mapped[datetime]
    dropped_at: Mapped[datetime | None]
    brought_back_at: Mapped[datetime | None]


class RetiredLogin(Identified, CentralModel):
    """A database role that was replaced: valid until `drop_after`, so that no request in flight fails."""

    __tablename__ = "retired_logins"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), index=True)
    cluster_id: Mapped[UUID] = mapped_column(sa.ForeignKey("database_clusters.id"), index=True)
    login_role: Mapped[str]
    retired_at: Mapped[datetime] = mapped_column(default=clock.now)
    drop_after: Mapped[datetime]
    dropped_at: Mapped[datetime | None]


class MigrationRun(Identified, CentralModel):
    """One hospital in one fleet migration."""

    __tablename__ = "migration_runs"

    operation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("operations.id"))
    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    wave: Mapped[int] = mapped_column(doc="0 is the canary's")
    from_revision: Mapped[str | None]
    to_revision: Mapped[str]
    state: Mapped[MigrationState] = mapped_column(default=MigrationState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    duration_ms: Mapped[float | None]
    error: Mapped[str | None]

    __table_args__ = (
        sa.UniqueConstraint("operation_id", "hospital_id"),
        sa.Index("ix_migration_runs_hospital_id", "hospital_id", sa.desc("started_at")),
    )


class DeletionCertificate(Identified, CentralModel):
    """What was destroyed, when, at whose word, and what proves it; signed with the platform's key."""

    __tablename__ = "deletion_certificates"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), unique=True)
    issued_at: Mapped[datetime] = mapped_column(default=clock.now)
    document: Mapped[dict[str, Any]]
    signature: Mapped[str]


class IsolationCheck(Identified, CentralModel):
    """One proof that no hospital's role reaches another hospital's database."""

    __tablename__ = "isolation_checks"

    state: Mapped[CheckState] = mapped_column(default=CheckState.RUNNING)
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
    roles: Mapped[int] = mapped_column(default=0, server_default="0")
    databases: Mapped[int] = mapped_column(default=0, server_default="0")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0", doc="connections that had to be refused")
    findings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (sa.Index("ix_isolation_checks_started_at", sa.desc("started_at")),)


class UptimeDay(Identified, CentralModel):
    """A day of one service's health checks in one row, kept for years; no hospital: the platform's own."""

    __tablename__ = "uptime_daily"

    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"))
    service: Mapped[str]
    day: Mapped[date]
    checks: Mapped[int]
    up: Mapped[int]
    degraded: Mapped[int]
    down: Mapped[int]
    mean_ms: Mapped[float | None]
    p95_ms: Mapped[float | None]
    longest_ms: Mapped[float | None]
    size_bytes: Mapped[int | None] = mapped_column(sa.BigInteger)

    __table_args__ = (
        sa.UniqueConstraint("hospital_id", "service", "day", postgresql_nulls_not_distinct=True),
        sa.Index("ix_uptime_daily_day", "day"),
    )
