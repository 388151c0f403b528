"""Proving backups: the newest one of a hospital is restored to scratch, compared with its manifest, and dropped."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.policies import DEFAULT_POLICY
from app.tenancy.backups.source import open_backup
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import UNFINISHED, request_operation
from app.tenancy.models import (
    Backup,
    BackupPolicy,
    BackupState,
    Hospital,
    HospitalStatus,
    Operation,
    RestoreRun,
)
from app.tenancy.restores.errors import OtherHospital
from app.tenancy.restores.filling import drop_database
from app.tenancy.restores.making import FILL, Target, cluster_of, fill_and_compare, new_target
from app.tenancy.restores.restoring import find_backup
from app.tenancy.restores.runs import DRILL, noting

DRILL_OPERATION = "hospital.drill"
AT_ONCE = 2
TRY_AGAIN = timedelta(days=1)


@operation(
    DRILL_OPERATION,
    title=_l("Restore drill"),
    takes_hospital=True,
    shares_hospital=True,
    steps={"choose": _l("Choose the newest backup"), "fill": FILL, "drop": _l("Drop the scratch database")},
)
def drill(work: Work) -> dict[str, Any]:
    """Restore a hospital's newest backup (or `backup`) to scratch, beside it or on `cluster`; raises what differs."""
    chosen = work.step("choose", lambda: _choose(work))
    target, backup_id = Target.of(chosen), UUID(chosen["backup"])
    with noting(
        work, DRILL, hospital_id=work.hospital, backup_id=backup_id, database=target.database, proves=True
    ) as outcome:
        try:
            outcome.rows = work.step("fill", lambda: _fill(work, target, backup_id))["rows"]
            work.step("drop", lambda: drop_database(target.cluster, target.database))
        except BaseException:
            with suppress(psycopg.Error):
                drop_database(target.cluster, target.database)
            raise
    return {"backup": chosen["backup"], "taken_at": chosen["taken_at"], "rows": outcome.rows}


def request_due_drills(actor: Actor, *, limit: int = AT_ONCE) -> list[str]:
    """Ask for the drills that are due, the longest unproven hospital first; a few at a time spare the disks."""
    with unit_of_work() as session:
        going_on = session.scalar(
            sa.select(sa.func.count()).where(Operation.kind == DRILL_OPERATION, Operation.state.in_(UNFINISHED))
        )
        due = session.scalars(_due().limit(max(0, limit - (going_on or 0)))).all()
        for hospital in due:
            request_operation(actor, DRILL_OPERATION, hospital=hospital)
        return [hospital.code for hospital in due]


def _due() -> sa.Select[Hospital]:
    every = sa.func.coalesce(BackupPolicy.drill_every_days, DEFAULT_POLICY.drill_every_days)
    proven = sa.select(sa.func.max(Backup.proven_at)).where(Backup.hospital_id == Hospital.id).scalar_subquery()
    backed_up = sa.exists().where(Backup.hospital_id == Hospital.id, Backup.state == BackupState.COMPLETE)
    tried = sa.exists().where(
        RestoreRun.hospital_id == Hospital.id, RestoreRun.kind == DRILL, RestoreRun.started_at > clock.now() - TRY_AGAIN
    )
    return (
        sa.select(Hospital)
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .where(
            Hospital.status.in_((HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)),
            backed_up,
            ~tried,
            sa.or_(proven.is_(None), proven < sa.func.now() - sa.func.make_interval(0, 0, 0, every)),
        )
        .order_by(sa.nulls_first(proven), Hospital.code)
    )


def _choose(work: Work) -> dict[str, Any]:
    backup = find_backup(work.hospital, work.arguments.get("backup"))
    target = new_target(cluster_of(work.hospital, work.arguments.get("cluster")))
    return {
        "backup": str(backup.id),
        "taken_at": backup.started_at.isoformat(timespec="seconds"),
        **target.as_details(),
    }


def _fill(work: Work, target: Target, backup_id: UUID) -> dict[str, Any]:
    source = open_backup(find_backup(work.hospital, str(backup_id)).location)
    if source.hospital_id != work.hospital:
        raise OtherHospital
    return {"rows": fill_and_compare(work, target, source, expected=work.hospital)}
