"""Bringing a hospital back to a backup: into a new database, compared, exchanged; and back again on request."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from psycopg import OperationalError

from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.backups.source import open_backup
from app.tenancy.cluster import database_exists
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.models import Backup, BackupState, DatabaseCluster, RetiredDatabase
from app.tenancy.restores.errors import NoBackup, NothingToBringBack, OtherHospital
from app.tenancy.restores.hooks import Restored
from app.tenancy.restores.making import (
    CENTRE,
    CHOOSE,
    FILES,
    FILL,
    PREPARE,
    SWAP,
    Target,
    check_in_service,
    cluster_of,
    fill_and_compare,
    follow_up,
    new_target,
    prepare,
    swap,
)
from app.tenancy.restores.runs import RESTORE, noting
from app.tenancy.restores.sources import DumpFile, Source
from app.tenancy.swapping import RESTORE as RESTORED
from app.tenancy.swapping import SWAP_BACK

RESTORE_OPERATION = "hospital.restore"
SWAP_BACK_OPERATION = "hospital.swap_back"


@operation(
    RESTORE_OPERATION,
    title=_l("Restore hospital"),
    takes_hospital=True,
    steps={
        "choose": CHOOSE,
        "fill": FILL,
        "files": FILES,
        "prepare": PREPARE,
        "swap": SWAP,
        "centre": CENTRE,
    },
)
def restore_hospital(work: Work) -> dict[str, Any]:
    """Bring a hospital back to a backup (`backup`, `at`, or the newest) or to a dump on this machine (`dump`).

    The schema is brought up to date before it serves, unless `migrate` is false: what undoes a migration wants it old.
    """
    chosen = work.step("choose", lambda: _choose(work))
    target = Target.of(chosen)
    backup_id = UUID(chosen["backup"]) if chosen["backup"] else None
    with noting(
        work,
        RESTORE,
        hospital_id=work.hospital,
        backup_id=backup_id,
        database=target.database,
        proves=True,
    ) as outcome:
        source = _open(work, backup_id)
        restored = Restored(work.hospital, work.code, source.taken_at)
        outcome.rows = work.step(
            "fill", lambda: {"rows": fill_and_compare(work, target, source, expected=work.hospital)}
        )["rows"]
        files = work.step("files", lambda: source.bring_files(work.hospital))
        migrate = bool(work.arguments.get("migrate", True))
        prepared = work.step("prepare", lambda: prepare(target, restored, migrate=migrate))
        work.step("swap", lambda: swap(work, target, reason=RESTORED))
        work.step("centre", lambda: follow_up(restored))
    return {
        "backup": chosen["backup"],
        "taken_at": restored.taken_at.isoformat(timespec="seconds"),
        "rows": outcome.rows,
        "database": target.database,
        **files,
        **prepared,
    }


@operation(
    SWAP_BACK_OPERATION,
    title=_l("Swap back to the earlier database"),
    takes_hospital=True,
    steps={
        "choose": _l("Look whether the earlier database is there"),
        "prepare": PREPARE,
        "swap": SWAP,
        "centre": CENTRE,
    },
    quick=True,
)
def swap_back(work: Work) -> dict[str, Any]:
    """Give a hospital back the database that a restore or move retired; the present one is retired in its turn."""
    chosen = work.step("choose", lambda: _choose_retired(work))
    target = Target.of(chosen)
    restored = Restored(work.hospital, work.code, datetime.fromisoformat(chosen["retired_at"]))
    prepared = work.step("prepare", lambda: prepare(target, restored, migrate=True))
    work.step("swap", lambda: swap(work, target, reason=SWAP_BACK))
    work.step("centre", lambda: follow_up(restored))
    return {"database": target.database, "left_at": chosen["retired_at"], **prepared}


def find_backup(hospital_id: UUID, backup: str | None = None, at: str | None = None) -> Backup:
    """Return the named backup, the newest one of a time (ISO), or the newest; raises NoBackup."""
    with unit_of_work() as session:
        query = sa.select(Backup).where(Backup.hospital_id == hospital_id, Backup.state == BackupState.COMPLETE)
        if backup is not None:
            query = query.where(Backup.id == UUID(backup))
        if at is not None:
            query = query.where(Backup.started_at <= datetime.fromisoformat(at))
        found = session.scalar(query.order_by(Backup.started_at.desc()).limit(1))
        if found is None:
            raise NoBackup
        session.expunge(found)
        return found


def _choose(work: Work) -> dict[str, Any]:
    asked = work.arguments
    check_in_service(work.hospital)
    backup = None if asked.get("dump") else find_backup(work.hospital, asked.get("backup"), asked.get("at"))
    target = new_target(cluster_of(work.hospital, asked.get("cluster")))
    return {"backup": str(backup.id) if backup else None, **target.as_details()}


def _open(work: Work, backup_id: UUID | None) -> Source:
    if backup_id is None:
        return DumpFile(Path(work.arguments["dump"]))
    source = open_backup(find_backup(work.hospital, str(backup_id)).location)
    if source.hospital_id != work.hospital:
        raise OtherHospital
    return source


def _choose_retired(work: Work) -> dict[str, Any]:
    check_in_service(work.hospital)
    with unit_of_work() as session:
        query = sa.select(RetiredDatabase).where(
            RetiredDatabase.hospital_id == work.hospital,
            RetiredDatabase.dropped_at.is_(None),
            RetiredDatabase.brought_back_at.is_(None),
        )
        if work.arguments.get("retired"):
            query = query.where(RetiredDatabase.id == UUID(work.arguments["retired"]))
        retired = session.scalar(query.order_by(RetiredDatabase.retired_at.desc()).limit(1))
        if retired is None:
            raise NothingToBringBack
        cluster = administer(session.get_one(DatabaseCluster, retired.cluster_id))
        target = Target(retired.cluster_id, retired.database_name, retired.login_role)
        left_at = retired.retired_at.isoformat()
    try:
        with cluster.connect() as connection:
            if not database_exists(connection, target.database):
                raise NothingToBringBack
    except OperationalError as error:
        raise NothingToBringBack(
            _l("The database server of the earlier database does not answer."),
            remedy=_l("Bring the server back, then try again."),
        ) from error
    return {"retired_at": left_at, **target.as_details()}
