"""Where a hospital's database is and where it could go, as far as the centre knows; no server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.tenancy.models import DatabaseCluster, HospitalDatabase

MOST = 100


def find_place(hospital_id: UUID) -> Any | None:
    """Return the server of a hospital's database, the database's name and since when its role is valid, or None."""
    query = (
        sa.select(
            DatabaseCluster.name,
            DatabaseCluster.region,
            DatabaseCluster.host,
            DatabaseCluster.port,
            HospitalDatabase.database_name,
            HospitalDatabase.rotated_at,
        )
        .join(HospitalDatabase, HospitalDatabase.cluster_id == DatabaseCluster.id)
        .where(HospitalDatabase.hospital_id == hospital_id)
    )
    return db.session.execute(query).one_or_none()


def list_destinations(hospital_id: UUID) -> Sequence[Any]:
    """Return the other servers that take a further hospital, by region, with how many each has."""
    used = (
        sa.select(sa.func.count())
        .where(HospitalDatabase.cluster_id == DatabaseCluster.id)
        .correlate(DatabaseCluster)
        .scalar_subquery()
    )
    here = sa.exists().where(
        HospitalDatabase.hospital_id == hospital_id, HospitalDatabase.cluster_id == DatabaseCluster.id
    )
    query = (
        sa.select(DatabaseCluster.name, DatabaseCluster.region, DatabaseCluster.capacity, used.label("hospitals"))
        .where(~here, DatabaseCluster.accepts_new, used < DatabaseCluster.capacity)
        .order_by(DatabaseCluster.region, DatabaseCluster.name)
        .limit(MOST)
    )
    return db.session.execute(query).all()
