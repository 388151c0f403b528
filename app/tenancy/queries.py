"""Reading what the centre knows of a hospital, of syncing and of what operators did; lists as rows, always limited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.config import HOSPITAL_CODE
from app.core.db import db
from app.tenancy.errors import UnknownHospital
from app.tenancy.health import SERVICE
from app.tenancy.models import (
    DatabaseCluster,
    HealthCheck,
    Hospital,
    HospitalAdministrator,
    HospitalStatus,
    PlatformAuditEntry,
    SyncRun,
)

Rows = Sequence[Any]

HISTORY = 20


def get_hospital(code: str) -> Hospital:
    """Return a hospital with the place of its database; raises UnknownHospital."""
    query = sa.select(Hospital).where(Hospital.code == code).options(joinedload(Hospital.database))
    hospital = db.session.scalar(query) if HOSPITAL_CODE.fullmatch(code) else None
    if hospital is None:
        raise UnknownHospital
    return hospital


def find_administrator_name(hospital_id: UUID) -> str | None:
    """Return the sign-in name of the first administrator that was chosen for a hospital, or None."""
    query = sa.select(HospitalAdministrator.username).where(HospitalAdministrator.hospital_id == hospital_id)
    return db.session.scalar(query)


def list_checks(hospital_id: UUID, limit: int = HISTORY) -> Rows:
    """Return a hospital's latest health checks, newest first."""
    query = (
        sa.select(
            HealthCheck.status,
            HealthCheck.response_ms,
            HealthCheck.details,
            HealthCheck.error,
            HealthCheck.checked_at,
        )
        .where(HealthCheck.hospital_id == hospital_id, HealthCheck.service == SERVICE)
        .order_by(HealthCheck.checked_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def list_runs(hospital_id: UUID, limit: int = HISTORY) -> Rows:
    """Return a hospital's latest sync runs, newest first."""
    query = (
        sa.select(
            SyncRun.kind,
            SyncRun.status,
            SyncRun.started_at,
            SyncRun.finished_at,
            SyncRun.from_position,
            SyncRun.to_position,
            SyncRun.events,
            SyncRun.counts,
            SyncRun.error,
        )
        .where(SyncRun.hospital_id == hospital_id)
        .order_by(SyncRun.started_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def list_latest_audit(hospital_id: UUID, limit: int = 10) -> Rows:
    """Return what was done to a hospital lately, newest first."""
    return db.session.execute(_audit().where(PlatformAuditEntry.hospital_id == hospital_id).limit(limit)).all()


def list_hospital_names() -> Rows:
    """Return every hospital's code and name for a choice, by code."""
    return db.session.execute(
        sa.select(Hospital.code, Hospital.display_name).order_by(Hospital.code).limit(2_000)
    ).all()


def list_demo_hospitals() -> Rows:
    """Return the demo hospitals that serve, by code."""
    query = (
        sa.select(Hospital.code, Hospital.display_name, Hospital.custom_domain)
        .where(Hospital.is_demo, Hospital.status == HospitalStatus.ACTIVE)
        .order_by(Hospital.code)
        .limit(20)
    )
    return db.session.execute(query).all()


def list_regions() -> list[str]:
    """Return the regions in which databases can be placed."""
    return list(db.session.scalars(sa.select(DatabaseCluster.region).distinct().order_by(DatabaseCluster.region)))


def _audit() -> sa.Select[Any]:
    return (
        sa.select(
            PlatformAuditEntry.at,
            PlatformAuditEntry.actor_kind,
            PlatformAuditEntry.actor_name,
            PlatformAuditEntry.action,
            PlatformAuditEntry.subject_type,
            PlatformAuditEntry.changes,
            PlatformAuditEntry.risk,
            PlatformAuditEntry.address,
            Hospital.code.label("hospital_code"),
            Hospital.display_name.label("hospital_name"),
        )
        .outerjoin(Hospital, Hospital.id == PlatformAuditEntry.hospital_id)
        .order_by(PlatformAuditEntry.at.desc(), PlatformAuditEntry.id.desc())
    )
