"""The long work of backups: making one, reading one through, pruning, finding what the store has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.blobs import file_store
from app.core.errors import VienError
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.backups.archive import Draft, delete_backup, verify_backup, write_backup
from app.tenancy.backups.catalogue import complete_row, fail_row, get_backup, open_row, rebuild_catalogue
from app.tenancy.backups.pruning import prune_hospital
from app.tenancy.backups.storage import backup_keyring, backup_store
from app.tenancy.errors import UnknownHospital
from app.tenancy.ledger.errors import LeaseLost
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work, first_line
from app.tenancy.models import Backup, BackupState, Hospital, HospitalDatabase

log = get_logger(__name__)

BACK_UP, VERIFY = "hospital.backup", "hospital.verify_backup"
PRUNE, REBUILD = "fleet.prune_backups", "fleet.rebuild_backups"
MANUAL, SCHEDULED = "manual", "schedule"
STEPS = {
    "begin": _l("Choose the place in the store"),
    "write": _l("Write dump, files and manifest, compressed and encrypted"),
    "verify": _l("Read everything back and compare"),
}


@operation(BACK_UP, title=_l("Back up"), takes_hospital=True, steps=STEPS)
def back_up(work: Work) -> dict[str, Any]:
    """Back a hospital up (`reason`, `pin_days`, `verify`)."""
    begun = work.step("begin", lambda: _begin(work))
    backup_id = UUID(begun["backup"])
    try:
        written = work.step("write", lambda: _write(work, backup_id))
        if work.arguments.get("verify"):
            work.step("verify", lambda: _verify(work, backup_id))
    except LeaseLost:
        raise
    except BaseException as error:
        _give_up(backup_id, first_line(error) if isinstance(error, Exception) else "interrupted")
        raise
    return {"backup": str(backup_id), **written}


@operation(
    VERIFY,
    title=_l("Read a backup through"),
    takes_hospital=True,
    shares_hospital=True,
    steps={"verify": STEPS["verify"]},
)
def verify(work: Work) -> dict[str, Any]:
    """Read every byte of a backup (`backup`) and hold it against its manifest."""
    return work.step("verify", lambda: _verify(work, UUID(work.arguments["backup"])))


@operation(PRUNE, title=_l("Prune old backups"), takes_hospital=False, steps={"prune": _l("Remove what is not kept")})
def prune(work: Work) -> dict[str, Any]:
    """Remove what no hospital's policy keeps any more, hospital after hospital."""
    return work.step("prune", lambda: _prune(work))


@operation(
    REBUILD,
    title=_l("Rebuild the catalogue of backups"),
    takes_hospital=False,
    steps={"read": _l("Read every manifest in the store")},
)
def rebuild(work: Work) -> dict[str, Any]:
    """Write a row for every backup in the store that has none."""

    def read() -> dict[str, Any]:
        outcome = rebuild_catalogue(backup_store(), backup_keyring(), work.progress)
        return {
            "known": outcome.known,
            "found": outcome.found,
            "strangers": outcome.strangers,
            "unreadable": outcome.unreadable,
        }

    return work.step("read", read)


def _begin(work: Work) -> dict[str, Any]:
    backup_keyring()  # without keys nothing is begun
    with unit_of_work():
        row = open_row(work.hospital, work.id, work.arguments.get("reason", MANUAL))
        pin_days = work.arguments.get("pin_days")
        row.pinned_until = clock.now() + timedelta(days=pin_days) if pin_days else None
        return {"backup": str(row.id), "location": row.location}


def _write(work: Work, backup_id: UUID) -> dict[str, Any]:
    with unit_of_work() as session:
        row = get_backup(backup_id)
        row.state, row.error, row.finished_at = BackupState.RUNNING, None, None
        draft = Draft(backup_id, row.location, row.reason)
        query = sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == work.hospital)
        place = session.scalar(query.options(joinedload(HospitalDatabase.cluster)))
        if place is None:
            raise UnknownHospital
        cluster, database = administer(place.cluster), place.database_name
    manifest = write_backup(
        draft,
        cluster,
        database,
        store=backup_store(),
        keyring=backup_keyring(),
        files=file_store(),
        note=work.progress,
    )
    if manifest.hospital_id != work.hospital:
        raise RuntimeError("the database says that it belongs to another hospital")
    with unit_of_work():
        complete_row(backup_id, manifest)
    return {"size_bytes": manifest.size_bytes, "rows": sum(manifest.rows.values()), "files": len(manifest.files)}


def _verify(work: Work, backup_id: UUID) -> dict[str, Any]:
    with unit_of_work():
        location = get_backup(backup_id).location
    try:
        manifest = verify_backup(backup_store(), backup_keyring(), location, work.progress)
    except VienError as error:
        with unit_of_work():
            get_backup(backup_id).error = first_line(error)
        raise
    with unit_of_work():
        row = get_backup(backup_id)
        row.verified_at, row.error = clock.now(), None
    return {"backup": str(backup_id), "bytes": manifest.plain_bytes, "files": len(manifest.files)}


def _give_up(backup_id: UUID, error: str) -> None:
    """Say that it came to nothing, and leave nothing in the store; one that was complete before stays."""
    with unit_of_work():
        row = get_backup(backup_id)
        if row.state is not BackupState.RUNNING:
            return
        location = row.location
        fail_row(backup_id, error)
    try:
        delete_backup(backup_store(), location)
    except VienError as failure:
        log.warning("a failed backup could not be removed", location=location, error=first_line(failure))


def _prune(work: Work) -> dict[str, Any]:
    with unit_of_work() as session:
        hospitals = session.execute(
            sa.select(Hospital.id, Hospital.code).where(sa.exists().where(Backup.hospital_id == Hospital.id))
        ).all()
    removed = 0
    for number, (hospital_id, code) in enumerate(hospitals, start=1):
        work.progress(number, len(hospitals), code)
        removed += len(prune_hospital(hospital_id, backup_store()))
    return {"hospitals": len(hospitals), "removed": removed}


def is_fresh(backup: Backup | None, since: datetime) -> bool:
    """Tell whether a backup was taken after a moment and read through."""
    return backup is not None and backup.started_at >= since and backup.verified_at is not None
