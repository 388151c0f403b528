"""Backups at a hospital's end: the one without which nothing is destroyed, and what becomes of all of them."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.objects.interface import NoObject
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.archive import delete_backup, verify_backup
from app.tenancy.backups.backing_up import back_up
from app.tenancy.backups.errors import BackupDamaged, NotABackup
from app.tenancy.backups.storage import backup_keyring, backup_store
from app.tenancy.ledger.performing import Work
from app.tenancy.models import (
    Backup,
    BackupState,
    Hospital,
    HospitalStatus,
    PlatformAuditEntry,
    RetiredDatabase,
)
from app.tenancy.pausing import paused

log = get_logger(__name__)

BEFORE_ARCHIVE, BEFORE_DELETE = "before_archive", "before_delete"


def make_backup(work: Work, reason: str, *, pin_days: int | None = None) -> dict[str, Any]:
    """Back the hospital up and read the backup through, as steps of the present work; return its facts."""
    within = copy.copy(work)  # the same steps in the same ledger, with a backup's own arguments
    within.arguments = {"reason": reason, "verify": True, "pin_days": pin_days}
    made = back_up(within) or {}
    return facts_of(UUID(made["backup"]))


def have_fresh_backup(work: Work, reason: str) -> dict[str, Any]:
    """Return the verified backup made since the hospital stopped serving, making one where there is none."""
    chosen = work.step("choose", lambda: {"backup": _find_fresh(work.hospital)})["backup"]
    if chosen:
        return facts_of(UUID(chosen))
    if _is_archived(work.hospital):  # where nobody can write anyway
        return make_backup(work, reason)
    with paused(work.hospital):  # a request that began before the suspension may still have been writing
        return make_backup(work, reason)


def have_verified(work: Work, backup_id: str | None) -> dict[str, Any]:
    """Return a backup that was read through just now, making another one where it is gone or damaged."""
    found = work.step("check", lambda: {"backup": _read_through(work, backup_id)})["backup"]
    return facts_of(UUID(found)) if found else make_backup(work, BEFORE_DELETE)


def facts_of(backup_id: UUID) -> dict[str, Any]:
    """Return what a certificate says of a backup."""
    with unit_of_work() as session:
        row = session.get_one(Backup, backup_id)
        return _facts(row)


def destroy_backups(hospital_id: UUID, since: datetime) -> dict[str, Any]:
    """Destroy everything of a hospital in the store of backups; return what that was, what an earlier try did too."""
    store = backup_store()
    gone = sa.or_(Backup.pruned_at.is_(None), Backup.pruned_at >= since)
    with unit_of_work() as session:
        rows = session.scalars(
            sa.select(Backup).where(Backup.hospital_id == hospital_id, gone).order_by(Backup.started_at)
        ).all()
        destroyed = [_facts(row) for row in rows if row.checksum]
        for row in rows:
            row.state, row.pruned_at, row.pinned_until = BackupState.PRUNED, row.pruned_at or clock.now(), None
    for facts in destroyed:
        delete_backup(store, facts["location"])
    for entry in list(store.list(f"{hospital_id}/")):  # files, and backups that no row knows
        store.delete(entry.key)
    return {"destroyed": destroyed, "kept": []}


def keep_backups(hospital_id: UUID, last: UUID, until: datetime) -> dict[str, Any]:
    """Keep the last backup until a day whatever the policy says; the policy may end the others earlier."""
    with unit_of_work() as session:
        rows = session.scalars(
            sa.select(Backup)
            .where(Backup.hospital_id == hospital_id, Backup.state == BackupState.COMPLETE)
            .order_by(Backup.started_at)
        ).all()
        for row in rows:
            row.pinned_until = until if row.id == last else None
        return {"destroyed": [], "kept": [{**_facts(row), "until": _second(until)} for row in rows]}


def _is_archived(hospital_id: UUID) -> bool:
    with unit_of_work() as session:
        return session.get_one(Hospital, hospital_id).status is HospitalStatus.ARCHIVED


def _find_fresh(hospital_id: UUID) -> str | None:
    with unit_of_work() as session:
        stopped_at = session.scalar(
            sa.select(sa.func.max(PlatformAuditEntry.at)).where(
                PlatformAuditEntry.hospital_id == hospital_id, PlatformAuditEntry.action == "hospital.suspend"
            )
        )
        if stopped_at is None:
            return None
        newest = db.session.scalar(
            sa.select(Backup.id)
            .where(
                Backup.hospital_id == hospital_id,
                Backup.state == BackupState.COMPLETE,
                Backup.verified_at.is_not(None),
                Backup.reason == BEFORE_ARCHIVE,  # of a moment when nobody could write any more
                Backup.started_at >= stopped_at,
            )
            .order_by(Backup.started_at.desc())
            .limit(1)
        )
    return str(newest) if newest else None


def _read_through(work: Work, backup_id: str | None) -> str | None:
    if backup_id is None:
        return None
    with unit_of_work() as session:
        row = session.get(Backup, UUID(backup_id))
        if row is None or row.state is not BackupState.COMPLETE:
            return None
        exchanged = sa.exists().where(
            RetiredDatabase.hospital_id == work.hospital, RetiredDatabase.retired_at > row.started_at
        )
        if session.scalar(sa.select(exchanged)):
            return None  # it is of another database than the hospital has now
        location = row.location
    try:
        verify_backup(backup_store(), backup_keyring(), location, work.progress)
    except (BackupDamaged, NotABackup, NoObject) as error:
        log.error("the last backup is no good; another one is made", backup=backup_id, error=type(error).__name__)
        return None
    with unit_of_work() as session:
        session.execute(sa.update(Backup).where(Backup.id == UUID(backup_id)).values(verified_at=clock.now()))
    return backup_id


def _facts(row: Backup) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "location": row.location,
        "sha256": row.checksum,
        "size_bytes": row.size_bytes,
        "key_id": row.key_id,
        "taken_at": _second(row.started_at),
        "verified_at": _second(row.verified_at) if row.verified_at else None,
    }


def _second(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
