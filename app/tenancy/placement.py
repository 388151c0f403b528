"""Choosing the cluster on which a new hospital's database is made: its region's, with the most room left."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.tenancy.models import DatabaseCluster, HospitalDatabase


class NoRoom(Conflict):
    """No cluster takes another hospital."""

    title = _l("There is no room for another hospital")
    default_message = _l("No database server in this region takes another hospital.")
    remedy = _l("Register another server with `flask platform add-cluster`, or raise the capacity of one.")


def check_place(name: str | None) -> None:
    """Refuse the name of a cluster that is not registered; raises InvalidValue."""
    if name is None:
        return
    if not db.session.scalar(sa.select(sa.exists().where(DatabaseCluster.name == name))):
        raise InvalidValue(_l("No database server is registered under this name."), field="cluster")


def choose_cluster(region: str, name: str | None = None) -> DatabaseCluster:
    """Return the named cluster, or the region's with the most room; raises NoRoom."""
    used = (
        sa.select(sa.func.count())
        .where(HospitalDatabase.cluster_id == DatabaseCluster.id)
        .correlate(DatabaseCluster)
        .scalar_subquery()
    )
    query = sa.select(DatabaseCluster).where(DatabaseCluster.accepts_new, used < DatabaseCluster.capacity)
    query = query.where(DatabaseCluster.name == name) if name else query.where(DatabaseCluster.region == region)
    chosen = db.session.scalar(query.order_by((DatabaseCluster.capacity - used).desc(), DatabaseCluster.name).limit(1))
    if chosen is None:
        raise NoRoom
    return chosen


def get_cluster(cluster_id: UUID) -> DatabaseCluster:
    """Return a registered cluster."""
    return db.session.get_one(DatabaseCluster, cluster_id)
