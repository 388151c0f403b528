"""The round over everything that is watched: in parallel, one that is slow delaying nobody; and writing it down."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.crypto import CannotDecrypt
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.errors import UnknownHospital
from app.tenancy.health.hospitals import check_hospital
from app.tenancy.health.reading import BACKUP_EVERY_HOURS, HealthReading, Known
from app.tenancy.health.rollups import prune_checks
from app.tenancy.health.servers import check_server, list_servers
from app.tenancy.health.stores import check_stores
from app.tenancy.models import (
    Backup,
    BackupPolicy,
    BackupState,
    HealthCheck,
    HealthStatus,
    Hospital,
    HospitalStatus,
    SyncCursor,
)
from app.tenancy.registry import HospitalEntry

log = get_logger(__name__)

PARALLEL = 16
WATCHED = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)


def check_all() -> list[HealthReading]:
    """Check every hospital that has a database, and write down how it, the servers and the backup store do.

    Returns the hospitals' readings.
    """
    subjects = list_subjects()
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="health") as pool:
        readings = list(pool.map(lambda subject: check_hospital(*subject), subjects))
        further = list(pool.map(lambda server: check_server(*server), _servers(subjects, readings)))
    further += check_stores()
    record_readings([*readings, *further])
    _note_revisions(subjects, readings)
    return readings


def check_one(code: str) -> HealthReading:
    """Check one hospital now and write it down; raises UnknownHospital for one that is not watched."""
    subject = next(iter(list_subjects(code)), None)
    if subject is None:
        raise UnknownHospital
    reading = check_hospital(*subject)
    record_readings([reading])
    _note_revisions([subject], [reading])
    return reading


def list_entries() -> list[HospitalEntry]:
    """Return the hospitals that are or were serving, with their whereabouts."""
    return [entry for entry, _ in list_subjects()]


def list_subjects(code: str | None = None) -> list[tuple[HospitalEntry, Known]]:
    """Return the hospitals that are watched, or one of them, with what the centre knows of each, in one query."""
    newest = (
        sa.select(
            sa.func.max(Backup.finished_at).label("backed_up_at"), sa.func.max(Backup.proven_at).label("proven_at")
        )
        .where(Backup.hospital_id == Hospital.id, Backup.state == BackupState.COMPLETE)
        .lateral("newest")
    )
    position = (
        sa.select(sa.func.min(SyncCursor.position)).where(SyncCursor.hospital_id == Hospital.id).scalar_subquery()
    )
    query = (
        sa.select(Hospital, position, newest.c.backed_up_at, newest.c.proven_at, BackupPolicy.every_hours)
        .select_from(Hospital)
        .outerjoin(newest, sa.true())
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .where(Hospital.status.in_(WATCHED), Hospital.paused_at.is_(None))  # in a pause it is meant not to answer
        .options(joinedload(Hospital.database))
        .order_by(Hospital.code)
    )
    if code is not None:
        query = query.where(Hospital.code == code)
    with unit_of_work() as session:
        return [(_entry_of(row[0]), _known(*row)) for row in session.execute(query)]


def record_readings(readings: Sequence[HealthReading]) -> None:
    """Write the readings into the central database, and prune what is older than a week and kept by day."""
    rows = [
        {
            "id": new_id(),
            "hospital_id": reading.hospital_id,
            "service": reading.service,
            "status": reading.status,
            "response_ms": reading.response_ms,
            "details": reading.details,
            "error": reading.error,
            "checked_at": reading.checked_at,
        }
        for reading in readings
    ]
    if rows:
        with unit_of_work() as session:
            session.execute(sa.insert(HealthCheck), rows)
    prune_checks()


def _servers(subjects: Sequence[tuple[HospitalEntry, Known]], readings: Sequence[HealthReading]) -> list[Any]:
    sizes: dict[str | None, list[int]] = {}
    for (_, known), reading in zip(subjects, readings, strict=True):
        sizes.setdefault(known.server, []).append(reading.details.get("size_bytes") or 0)
    return [
        (name, capacity, cluster, sum(sizes.get(name, [])), len(sizes.get(name, [])))
        for name, capacity, cluster in list_servers()
    ]


def _note_revisions(subjects: Sequence[tuple[HospitalEntry, Known]], readings: Sequence[HealthReading]) -> None:
    """Correct the registry's revision where a database says another, unless a migration has written it meanwhile."""
    wrong = [
        (reading.hospital_id, known.revision, reading.details["revision"])
        for (_, known), reading in zip(subjects, readings, strict=True)
        if reading.status is not HealthStatus.DOWN and reading.details.get("revision") != known.revision
    ]
    for hospital_id, noted, found in wrong:
        with unit_of_work() as session:
            session.execute(
                sa.update(Hospital)
                .where(Hospital.id == hospital_id, Hospital.schema_revision.is_not_distinct_from(noted))
                .values(schema_revision=found)
                .execution_options(synchronize_session=False)
            )


def _known(hospital: Hospital, position: int | None, backed_up_at: Any, proven_at: Any, every: int | None) -> Known:
    return Known(
        serving=hospital.status is HospitalStatus.ACTIVE,
        position=position or 0,
        revision=hospital.schema_revision,
        max_storage_gb=hospital.max_storage_gb,
        since=hospital.created_at,
        backed_up_at=backed_up_at,
        proven_at=proven_at,
        backup_every=timedelta(hours=every or BACKUP_EVERY_HOURS),
        server=hospital.database.cluster.name if hospital.database else None,
    )


def _entry_of(hospital: Hospital) -> HospitalEntry:
    registry = tenancy().registry
    try:
        return registry.entry_of(hospital)
    except CannotDecrypt:
        log.error("credentials cannot be opened", hospital=hospital.code)
        return registry.entry_of(hospital, with_place=False)
