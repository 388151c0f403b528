"""The rows about backups, and making them again from the store alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.crypto import Keyring
from app.core.db import db
from app.core.errors import NotFound, VienError
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.objects import ObjectStore
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.archive import MANIFEST, read_manifest
from app.tenancy.backups.manifest import Manifest
from app.tenancy.models import Backup, BackupState, Hospital
from app.tenancy.paging import Page

PER_PAGE = 25
FOUND = "found"


class UnknownBackup(NotFound):
    default_message = _l("There is no such backup.")


@dataclass(slots=True)
class Rebuilt:
    """What rebuilding found: known backups, new ones, those of hospitals that are not here, unreadable ones."""

    known: int = 0
    found: int = 0
    strangers: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def location_of(hospital_id: UUID, backup_id: UUID, at: datetime) -> str:
    """Return the place of a new backup in the store."""
    return f"{hospital_id}/{at:%Y%m%dT%H%M%SZ}-{backup_id.hex[-12:]}"


def open_row(hospital_id: UUID, operation_id: UUID | None, reason: str) -> Backup:
    """Write that a backup is being made."""
    backup_id, now = new_id(), clock.now()
    row = Backup(
        id=backup_id,
        hospital_id=hospital_id,
        operation_id=operation_id,
        reason=reason,
        location=location_of(hospital_id, backup_id, now),
        started_at=now,
    )
    db.session.add(row)
    db.session.flush()
    return row


def complete_row(backup_id: UUID, manifest: Manifest) -> None:
    """Write that a backup is complete, with what its manifest says."""
    row = db.session.get_one(Backup, backup_id)
    for name, value in _facts(manifest).items():
        setattr(row, name, value)
    row.state, row.error = BackupState.COMPLETE, None


def fail_row(backup_id: UUID, error: str) -> None:
    """Write that a backup came to nothing."""
    db.session.execute(
        sa.update(Backup)
        .where(Backup.id == backup_id, Backup.state == BackupState.RUNNING)
        .values(state=BackupState.FAILED, error=error, finished_at=clock.now())
    )


def get_backup(backup_id: UUID) -> Backup:
    """Return one backup's row; raises UnknownBackup."""
    row = db.session.get(Backup, backup_id)
    if row is None:
        raise UnknownBackup
    return row


def find_newest(hospital_id: UUID) -> Backup | None:
    """Return a hospital's newest complete backup, or None."""
    query = sa.select(Backup).where(Backup.hospital_id == hospital_id, Backup.state == BackupState.COMPLETE)
    return db.session.scalar(query.order_by(Backup.started_at.desc()).limit(1))


def list_backups(hospital_id: UUID, *, page: int = 1, with_pruned: bool = False) -> Page[Any]:
    """Return a page of a hospital's backups, newest first."""
    wanted = [Backup.hospital_id == hospital_id]
    if not with_pruned:
        wanted.append(Backup.state != BackupState.PRUNED)
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Backup).where(*wanted)) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    columns = [column for column in Backup.__table__.columns if column.name != "manifest"]
    query = sa.select(*columns).where(*wanted).order_by(Backup.started_at.desc())
    rows: Sequence[Any] = db.session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, PER_PAGE, total)


def rebuild_catalogue(
    store: ObjectStore, keyring: Keyring, note: Callable[[int], None] = lambda _done: None
) -> Rebuilt:
    """Write a row for every backup in the store that has none; what is known already is left alone.

    `note` hears how many manifests were seen, and may raise to stop it.
    """
    outcome = Rebuilt()
    with unit_of_work() as session:
        hospitals = set(session.scalars(sa.select(Hospital.id)))
        settled = Backup.state.in_((BackupState.COMPLETE, BackupState.PRUNED))
        known = set(session.scalars(sa.select(Backup.location).where(settled)))
    seen = 0
    for entry in store.list(""):
        location, _, name = entry.key.rpartition("/")
        if name != MANIFEST:
            continue
        seen += 1
        note(seen)
        if location in known:
            outcome.known += 1
            continue
        try:
            manifest = read_manifest(store, keyring, location)
        except VienError as error:
            outcome.unreadable[location] = str(error)
            continue
        if manifest.hospital_id not in hospitals:
            outcome.strangers.append(location)
            continue
        with unit_of_work():
            _adopt(manifest, location)
        outcome.found += 1
    return outcome


def _adopt(manifest: Manifest, location: str) -> None:
    facts = {"reason": manifest.reason, "state": BackupState.COMPLETE, "error": None, **_facts(manifest)}
    row = {"id": manifest.backup_id, "hospital_id": manifest.hospital_id, "location": location, **facts}
    statement = insert(Backup).values(started_at=manifest.started_at, **row)
    db.session.execute(statement.on_conflict_do_update(index_elements=["location"], set_=facts))


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {
        "revision": manifest.revision,
        "size_bytes": manifest.size_bytes,
        "plain_bytes": manifest.plain_bytes,
        "checksum": manifest.checksum,
        "key_id": manifest.key_id,
        "manifest": manifest.as_json(),
        "finished_at": manifest.finished_at,
    }
