"""Planning a move: from where to where, by which method, and whether everything that it needs is there.

Reads only. What the centre knows is asked first; then both servers, by their administrative addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import joinedload

from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.cluster import Cluster
from app.tenancy.models import DatabaseCluster, HospitalDatabase, HospitalStatus
from app.tenancy.moving import preconditions
from app.tenancy.moving.errors import NoRoomThere, NothingToMove, SameCluster

AUTO, DUMP, REPLICATION = "auto", "dump", "replication"
METHODS = (AUTO, DUMP, REPLICATION)
MB = 1024**2
# What one may expect of ordinary disks and a network between: for the estimate only.
DUMP_MB_A_SECOND = 12
REPLICATION_MB_A_SECOND = 20
CUT_OVER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """One move as it will be done."""

    hospital_id: UUID
    from_cluster: UUID
    from_name: str
    from_database: str
    to_cluster: UUID
    to_name: str
    method: str
    size_bytes: int
    seconds: int
    pause_seconds: int
    system: str

    @property
    def source(self) -> Cluster:
        """Return the server on which the database is; raises NoAdministrativeAddress."""
        return _administered(self.from_cluster)

    @property
    def target(self) -> Cluster:
        """Return the server to which it goes; raises NoAdministrativeAddress."""
        return _administered(self.to_cluster)

    def as_details(self) -> dict[str, Any]:
        """Return what a step remembers of it."""
        return {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in asdict(self).items()
            if name != "hospital_id"
        }

    @classmethod
    def of(cls, hospital_id: UUID, details: Mapping[str, Any]) -> Plan:
        """Return what a step remembered."""
        known = {field.name: details[field.name] for field in fields(cls) if field.name in details}
        clusters = {name: UUID(details[name]) for name in ("from_cluster", "to_cluster")}
        return cls(hospital_id=hospital_id, **{**known, **clusters})


def check_request(hospital_id: UUID, cluster: str, method: str) -> tuple[HospitalDatabase, DatabaseCluster]:
    """Refuse what the centre alone can tell to be impossible; return the present place and the wanted server.

    Raises InvalidValue, NothingToMove, SameCluster or NoRoomThere.
    """
    if method not in METHODS:
        raise InvalidValue(
            _l("A hospital is not moved in this way."),
            field="method",
            remedy=_l("Choose auto, dump or replication; auto chooses by the size."),
        )
    target = db.session.scalar(sa.select(DatabaseCluster).where(DatabaseCluster.name == cluster))
    if target is None:
        raise InvalidValue(
            _l("No database server is registered under this name."),
            field="cluster",
            remedy=_l("See `flask platform clusters`; register one with `flask platform add-cluster`."),
        )
    query = sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_id)
    place = db.session.scalar(query.options(joinedload(HospitalDatabase.hospital)))
    unfit = (HospitalStatus.PROVISIONING, HospitalStatus.DELETED)
    if place is None or place.hospital.status in unfit:
        raise NothingToMove
    if place.cluster_id == target.id:
        raise SameCluster
    used = sa.select(sa.func.count()).where(HospitalDatabase.cluster_id == target.id)
    if not target.accepts_new or (db.session.scalar(used) or 0) >= target.capacity:
        raise NoRoomThere
    return place, target


def make_plan(hospital_id: UUID, cluster: str, method: str = AUTO) -> Plan:
    """Look at both servers and say how a hospital will be moved.

    Raises what `check_request` does, NoAdministrativeAddress, ClusterError or another MoveRefused.
    """
    with unit_of_work():
        place, target_row = check_request(hospital_id, cluster, method)
        source, target = administer(place.cluster), administer(target_row)
        facts = (place.cluster_id, place.cluster.name, place.database_name, target_row.id, target_row.name)
        capacity_gb = target_row.capacity_gb
    size, system = preconditions.check_both(source, target, facts[2], capacity_gb)
    if method == AUTO:
        method = DUMP if size < current_app.extensions["settings"].move_by_dump_below_mb * MB else REPLICATION
    if method == REPLICATION:
        preconditions.check_replication(source, target, facts[2])
    seconds = CUT_OVER_SECONDS + size // MB // (DUMP_MB_A_SECOND if method == DUMP else REPLICATION_MB_A_SECOND)
    pause = seconds if method == DUMP else CUT_OVER_SECONDS
    return Plan(hospital_id, *facts, method, size, seconds, pause, system)


def is_home(plan: Plan, database: str) -> bool:
    """Tell whether the hospital uses the new database already."""
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase.id).where(
            HospitalDatabase.hospital_id == plan.hospital_id,
            HospitalDatabase.cluster_id == plan.to_cluster,
            HospitalDatabase.database_name == database,
        )
        return session.scalar(query) is not None


def _administered(cluster_id: UUID) -> Cluster:
    with unit_of_work() as session:
        return administer(session.get_one(DatabaseCluster, cluster_id))
