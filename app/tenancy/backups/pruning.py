"""Removing backups that no policy keeps: said in the catalogue first, then removed from the store."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.objects import ObjectStore
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.archive import delete_backup
from app.tenancy.backups.policies import find_policy
from app.tenancy.backups.retention import Kept, choose_kept
from app.tenancy.models import Backup, BackupState

FORGOTTEN_AFTER = timedelta(days=2)


def choose_pruned(hospital_id: UUID) -> list[Backup]:
    """Return the complete backups of a hospital that its policy does not keep any more, oldest first."""
    query = sa.select(Backup).where(Backup.hospital_id == hospital_id, Backup.state == BackupState.COMPLETE)
    backups = list(db.session.scalars(query.order_by(Backup.started_at)))
    seen = [Kept(row.id, row.started_at, row.proven_at is not None, row.pinned_until) for row in backups]
    kept = choose_kept(seen, find_policy(hospital_id), clock.now())
    return [row for row in backups if row.id not in kept]


def prune_hospital(hospital_id: UUID, store: ObjectStore) -> list[str]:
    """Remove what is not kept, and files that no backup names any more; return the places. Harmless twice."""
    with unit_of_work():
        for row in choose_pruned(hospital_id):
            row.state, row.pruned_at = BackupState.PRUNED, clock.now()
    with unit_of_work() as session:
        gone = list(
            session.scalars(
                sa.select(Backup.location).where(Backup.hospital_id == hospital_id, Backup.state == BackupState.PRUNED)
            )
        )
    removed = [location for location in gone if _remove(store, location)]
    if removed:
        _remove_files(hospital_id, store)
    return removed


def _remove(store: ObjectStore, location: str) -> bool:
    if next(store.list(f"{location}/"), None) is None:
        return False
    delete_backup(store, location)
    return True


def _remove_files(hospital_id: UUID, store: ObjectStore) -> None:
    """Remove the files that no backup names, unless one is being made that may be about to name them."""
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Backup.state, Backup.manifest["files"].label("files")).where(
                Backup.hospital_id == hospital_id, Backup.state.in_((BackupState.COMPLETE, BackupState.RUNNING))
            )
        ).all()
    if any(row.state is BackupState.RUNNING for row in rows):
        return
    named = {name for row in rows for name in (row.files or {})}
    for entry in store.list(f"{hospital_id}/files/"):
        unused = entry.key.rsplit("/", 1)[1] not in named
        if unused and entry.changed_at < clock.now() - FORGOTTEN_AFTER:
            store.delete(entry.key)
