"""What operators see of syncing: the fleet, the worst first; one hospital's runs, comparisons and consumers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.tenancy.models import (
    Hospital,
    HospitalStatus,
    OutboxConsumer,
    PatientIndexEntry,
    Reconciliation,
    RunStatus,
    SyncCursor,
    SyncRun,
)
from app.tenancy.paging import Page
from app.tenancy.sync import CONSUMER

PER_PAGE = 50
SHOWN = 10
SYNCING = Hospital.status.in_((HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED))


def list_sync(page: int = 1) -> Page[Any]:
    """Return a page of hospitals with their newest run and comparison and their slowest consumer, the worst first."""
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Hospital).where(SYNCING)) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    run, succeeded, compared = _newest_run(), _newest_success(), _newest_comparison()
    cursor, troubled = _cursor(), _troubled()
    query = (
        sa.select(
            Hospital.code,
            Hospital.display_name,
            Hospital.status.label("hospital_status"),
            run,
            succeeded.c.finished_at.label("synced_at"),
            cursor.c.position,
            compared,
            troubled.c.failing,
        )
        .select_from(Hospital)
        .outerjoin(run, sa.true())
        .outerjoin(succeeded, sa.true())
        .outerjoin(cursor, sa.true())
        .outerjoin(compared, sa.true())
        .outerjoin(troubled, sa.true())
        .where(SYNCING)
        .order_by(
            (run.c.status == "failed").desc().nulls_last(),
            (troubled.c.failing > 0).desc(),
            sa.nulls_first(succeeded.c.finished_at),
            Hospital.code,
        )
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return Page(db.session.execute(query).all(), page, PER_PAGE, total)


def find_cursor(hospital_id: UUID) -> SyncCursor | None:
    """Return how far the centre has heard of a hospital."""
    return db.session.get(SyncCursor, (hospital_id, CONSUMER))


def count_indexed(hospital_id: UUID) -> int:
    """Return how many patients of a hospital the index holds as active."""
    entry = PatientIndexEntry
    query = sa.select(sa.func.count(entry.id)).where(entry.hospital_id == hospital_id, entry.deactivated_at.is_(None))
    return db.session.scalar(query) or 0


def list_runs(hospital_id: UUID) -> Sequence[SyncRun]:
    """Return a hospital's latest runs, the newest first."""
    query = sa.select(SyncRun).where(SyncRun.hospital_id == hospital_id).order_by(SyncRun.started_at.desc())
    return db.session.scalars(query.limit(SHOWN)).all()


def list_comparisons(hospital_id: UUID) -> Sequence[Reconciliation]:
    """Return a hospital's latest comparisons, the newest first."""
    query = sa.select(Reconciliation).where(Reconciliation.hospital_id == hospital_id)
    return db.session.scalars(query.order_by(Reconciliation.started_at.desc()).limit(SHOWN)).all()


def list_consumers(hospital_id: UUID) -> Sequence[OutboxConsumer]:
    """Return how far the hospital's own consumers were when it told last."""
    query = sa.select(OutboxConsumer).where(OutboxConsumer.hospital_id == hospital_id)
    return db.session.scalars(query.order_by(OutboxConsumer.consumer).limit(SHOWN * 2)).all()


def _newest_run() -> Any:
    run = SyncRun
    query = sa.select(run.kind, run.status, run.started_at, run.finished_at, run.events, run.error)
    return query.where(run.hospital_id == Hospital.id).order_by(run.started_at.desc()).limit(1).lateral("run")


def _newest_success() -> Any:
    query = sa.select(SyncRun.finished_at).where(
        SyncRun.hospital_id == Hospital.id, SyncRun.status == RunStatus.SUCCEEDED
    )
    return query.order_by(SyncRun.started_at.desc()).limit(1).lateral("succeeded")


def _newest_comparison() -> Any:
    row = Reconciliation
    drifted = (row.missing + row.different + row.surplus).label("drifted")
    query = sa.select(row.finished_at.label("compared_at"), drifted, row.status.label("compared"))
    return query.where(row.hospital_id == Hospital.id).order_by(row.started_at.desc()).limit(1).lateral("compared")


def _cursor() -> Any:
    query = sa.select(SyncCursor.position).where(SyncCursor.hospital_id == Hospital.id)
    return query.where(SyncCursor.consumer == CONSUMER).lateral("cursor")


def _troubled() -> Any:
    failing = sa.func.count().filter(OutboxConsumer.failures > 0).label("failing")
    return sa.select(failing).where(OutboxConsumer.hospital_id == Hospital.id).lateral("troubled")
