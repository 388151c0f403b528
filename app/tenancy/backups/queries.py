"""The fleet's backups as one list: who waits longest for one first."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.tenancy.backups.policies import DEFAULT_POLICY
from app.tenancy.models import Backup, BackupPolicy, BackupState, Hospital, HospitalStatus
from app.tenancy.paging import Page

PER_PAGE = 50
KEPT = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)


def list_fleet_backups(*, page: int = 1, per_page: int = PER_PAGE) -> Page[Any]:
    """Return a page of hospitals with their newest complete backup; overdue ones first, then the oldest."""
    newest, proven, tried = _newest(), _proven(), _tried()
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Hospital).where(Hospital.status.in_(KEPT))) or 0
    page = min(page, max(1, -(-total // per_page)))
    hours = sa.func.coalesce(BackupPolicy.every_hours, DEFAULT_POLICY.every_hours)
    late = sa.or_(
        newest.c.taken_at.is_(None), newest.c.taken_at < clock.now() - sa.func.make_interval(0, 0, 0, 0, 2 * hours)
    )
    overdue = sa.and_(Hospital.status != HospitalStatus.ARCHIVED, late).label("overdue")
    query = (
        sa.select(
            Hospital.id,
            Hospital.code,
            Hospital.display_name,
            Hospital.status,
            newest,
            proven.c.proven_at,
            sa.case((tried.c.state == BackupState.FAILED, tried.c.error)).label("last_error"),
            hours.label("every_hours"),
            overdue,
        )
        .select_from(Hospital)
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .outerjoin(newest, sa.true())
        .outerjoin(proven, sa.true())
        .outerjoin(tried, sa.true())
        .where(Hospital.status.in_(KEPT))
        .order_by(overdue.desc(), sa.nulls_first(newest.c.taken_at), Hospital.code)
    )
    rows = db.session.execute(query.limit(per_page).offset((page - 1) * per_page)).all()
    return Page(rows, page, per_page, total)


def _newest() -> sa.FromClause:
    return (
        sa.select(Backup.started_at.label("taken_at"), Backup.size_bytes, Backup.verified_at, Backup.key_id)
        .where(Backup.hospital_id == Hospital.id, Backup.state == BackupState.COMPLETE)
        .order_by(Backup.started_at.desc())
        .limit(1)
        .lateral("newest")
    )


def _proven() -> sa.FromClause:
    query = sa.select(sa.func.max(Backup.proven_at).label("proven_at"))
    return query.where(Backup.hospital_id == Hospital.id).lateral("proven")


def _tried() -> sa.FromClause:
    """The newest try, however it ended."""
    return (
        sa.select(Backup.state, Backup.error)
        .where(Backup.hospital_id == Hospital.id)
        .order_by(Backup.started_at.desc())
        .limit(1)
        .lateral("tried")
    )
