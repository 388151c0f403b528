"""Which hospitals are due for a backup, and asking for them a few at a time."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.backing_up import BACK_UP, PRUNE, SCHEDULED
from app.tenancy.backups.policies import DEFAULT_POLICY
from app.tenancy.ledger.requests import UNFINISHED, find_unfinished, request_operation
from app.tenancy.models import Backup, BackupPolicy, BackupState, Hospital, HospitalStatus, Operation

AT_ONCE = 4
TRY_AGAIN = timedelta(hours=1)


def request_due_backups(actor: Actor, *, limit: int = AT_ONCE) -> list[str]:
    """Ask for the backups that are due, the hospital that waited longest first; so few at a time that disks keep up."""
    with unit_of_work() as session:
        going_on = session.scalar(
            sa.select(sa.func.count()).where(Operation.kind == BACK_UP, Operation.state.in_(UNFINISHED))
        )
        due = session.scalars(_due().limit(max(0, limit - (going_on or 0)))).all()
        for hospital in due:
            request_operation(actor, BACK_UP, hospital=hospital, arguments={"reason": SCHEDULED})
        return [hospital.code for hospital in due]


def request_pruning(actor: Actor) -> None:
    """Ask for old backups to be removed, unless that was asked for already."""
    with unit_of_work():
        if find_unfinished(PRUNE, None) is None:
            request_operation(actor, PRUNE)


def _due() -> sa.Select[Hospital]:
    every = sa.func.coalesce(BackupPolicy.every_hours, DEFAULT_POLICY.every_hours)
    newest = (
        sa.select(sa.func.max(Backup.started_at))
        .where(Backup.hospital_id == Hospital.id, Backup.state == BackupState.COMPLETE)
        .scalar_subquery()
    )
    tried = sa.exists().where(
        Operation.hospital_id == Hospital.id,
        Operation.kind == BACK_UP,
        sa.or_(Operation.state.in_(UNFINISHED), Operation.requested_at > clock.now() - TRY_AGAIN),
    )
    return (
        sa.select(Hospital)
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .where(
            Hospital.status.in_((HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)),
            ~tried,
            sa.or_(newest.is_(None), newest < clock.now() - sa.func.make_interval(0, 0, 0, 0, every)),
        )
        .order_by(sa.nulls_first(newest), Hospital.code)
    )
