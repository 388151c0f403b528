"""Reading how well hospitals' data is kept: the last backup, the last proof, what differed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.tenancy.backups.policies import Policy, policy_of
from app.tenancy.models import Backup, BackupPolicy, BackupState, Hospital, HospitalStatus, RestoreRun, RestoreState
from app.tenancy.paging import Page

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class DataSafety:
    """What a hospital is told of how its data is kept; nothing here is a secret."""

    backed_up_at: datetime | None
    size_bytes: int | None
    proven_at: datetime | None
    proven_backup_of: datetime | None
    policy: Policy

    @property
    def is_backup_late(self) -> bool:
        """Tell whether the newest backup is older than two of its intervals."""
        return _older(self.backed_up_at, timedelta(hours=2 * self.policy.every_hours))

    @property
    def is_proof_late(self) -> bool:
        """Tell whether the last proof is older than two of its intervals."""
        return _older(self.proven_at, timedelta(days=2 * self.policy.drill_every_days))


def read_data_safety(hospital_id: UUID) -> DataSafety:
    """Return how a hospital's data is kept."""
    mine = Backup.hospital_id == hospital_id
    newest = (
        sa.select(Backup.started_at, Backup.size_bytes)
        .where(mine, Backup.state == BackupState.COMPLETE)
        .order_by(Backup.started_at.desc())
        .limit(1)
        .subquery("newest")
    )
    proven = (
        sa.select(Backup.proven_at, Backup.started_at)
        .where(mine, Backup.proven_at.is_not(None))
        .order_by(Backup.proven_at.desc())
        .limit(1)
        .subquery("proven")
    )
    query = (
        sa.select(newest.c.started_at, newest.c.size_bytes, proven.c.proven_at, proven.c.started_at, BackupPolicy)
        .select_from(Hospital)
        .outerjoin(newest, sa.true())
        .outerjoin(proven, sa.true())
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .where(Hospital.id == hospital_id)
    )
    row = db.session.execute(query).one()
    return DataSafety(row[0], row[1], row[2], row[3], policy_of(row[4]))


def list_proofs(*, page: int = 1, limit: int = PER_PAGE) -> Page[Any]:
    """Return hospitals with their newest backup, proof and drill: failed drills first, then the longest unproven."""
    backups, drill = _backups(), _newest_drill()
    serving = Hospital.status.in_((HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Hospital).where(serving)) or 0
    page = min(page, max(1, -(-total // limit)))
    query = (
        sa.select(
            Hospital.id,
            Hospital.code,
            Hospital.display_name,
            backups.c.backed_up_at,
            backups.c.proven_at,
            drill.c.state.label("drill_state"),
            drill.c.started_at.label("drill_started_at"),
            drill.c.rows.label("drill_rows"),
            drill.c.mismatches.label("drill_mismatches"),
            drill.c.error.label("drill_error"),
            drill.c.operation_id.label("drill_operation_id"),
        )
        .select_from(Hospital)
        .outerjoin(backups, sa.true())
        .outerjoin(drill, sa.true())
        .where(serving)
        .order_by(
            sa.nulls_last((drill.c.state == RestoreState.FAILED).desc()),
            sa.nulls_first(backups.c.proven_at),
            Hospital.code,
        )
        .limit(limit)
        .offset((page - 1) * limit)
    )
    return Page(db.session.execute(query).all(), page, limit, total)


def list_restore_runs(hospital_id: UUID, limit: int = 20) -> Sequence[Any]:
    """Return a hospital's latest restores and drills, newest first."""
    query = (
        sa.select(
            RestoreRun.kind,
            RestoreRun.state,
            RestoreRun.started_at,
            RestoreRun.finished_at,
            RestoreRun.rows,
            RestoreRun.mismatches,
            RestoreRun.error,
            RestoreRun.operation_id,
        )
        .where(RestoreRun.hospital_id == hospital_id)
        .order_by(RestoreRun.started_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def list_restorable(hospital_id: UUID, limit: int = 60) -> Sequence[Any]:
    """Return a hospital's complete backups, newest first."""
    query = (
        sa.select(Backup.id, Backup.started_at, Backup.size_bytes, Backup.proven_at)
        .where(Backup.hospital_id == hospital_id, Backup.state == BackupState.COMPLETE)
        .order_by(Backup.started_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def _backups() -> sa.FromClause:
    complete = Backup.state == BackupState.COMPLETE
    return (
        sa.select(
            sa.func.max(Backup.started_at).filter(complete).label("backed_up_at"),
            sa.func.max(Backup.proven_at).label("proven_at"),
        )
        .where(Backup.hospital_id == Hospital.id)
        .lateral("backups")
    )


def _newest_drill() -> sa.FromClause:
    return (
        sa.select(
            RestoreRun.state,
            RestoreRun.started_at,
            RestoreRun.rows,
            RestoreRun.mismatches,
            RestoreRun.error,
            RestoreRun.operation_id,
        )
        .where(RestoreRun.hospital_id == Hospital.id, RestoreRun.kind == "drill")
        .order_by(RestoreRun.started_at.desc())
        .limit(1)
        .lateral("drill")
    )


def _older(moment: datetime | None, limit: timedelta) -> bool:
    return moment is None or moment < clock.now() - limit
