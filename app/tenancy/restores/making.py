"""Making a database of a backup, and giving it to a hospital: what restore, swap back and import share.

Until the exchange the hospital serves from the database that it has; whatever fails before leaves it untouched.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core.errors import Text
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.binding import bind_template
from app.tenancy.cluster import Cluster, allow_connect, create_login, new_password, revoke_public
from app.tenancy.cluster_errors import ClusterError
from app.tenancy.errors import HospitalNotReady
from app.tenancy.ledger.performing import Work
from app.tenancy.making import CONNECTION_LIMIT
from app.tenancy.models import DatabaseCluster, Hospital, HospitalDatabase, HospitalStatus
from app.tenancy.pausing import find_home, paused, serve_again
from app.tenancy.placement import check_place
from app.tenancy.restores.errors import NoRoom, NotInService, OlderSchema
from app.tenancy.restores.filling import drop_database, fill, make_empty, pg_restore
from app.tenancy.restores.hooks import Restored, list_carriers, list_followers, list_preparers
from app.tenancy.restores.sources import Source
from app.tenancy.restores.verifying import check_identity, check_revision, compare, read_revision
from app.tenancy.revisions import OLDEST_SERVED, is_served
from app.tenancy.sealing.sealer import continue_logs
from app.tenancy.swapping import NewHome, exchange

log = get_logger(__name__)

MEGABYTE = 1024 * 1024
WITH_INDEXES = 1.5  # a dump has the rows only
CHOOSE: Text = _l("Choose the backup and the place")
FILL: Text = _l("Restore into a new database and compare with the manifest")
FILES: Text = _l("Bring back the files that are missing")
PREPARE: Text = _l("Bring the schema up to date and end what must not come alive again")
SWAP: Text = _l("Pause the hospital for seconds and exchange its database")
CENTRE: Text = _l("Tell the centre anew")


@dataclass(frozen=True, slots=True)
class Target:
    """The database that is being made; names tell nobody whose it is."""

    cluster_id: UUID
    database: str
    role: str

    @property
    def cluster(self) -> Cluster:
        """Return its server with the right to make databases there; raises NoAdministrativeAddress."""
        with unit_of_work() as session:
            return administer(session.get_one(DatabaseCluster, self.cluster_id))

    def as_details(self) -> dict[str, str]:
        """Return what a step remembers of it."""
        return {"cluster_id": str(self.cluster_id), "database": self.database, "role": self.role}

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Target:
        """Return what a step remembered."""
        return cls(UUID(details["cluster_id"]), details["database"], details["role"])


def new_target(cluster_id: UUID) -> Target:
    """Choose names for a new database and its role on a server."""
    return Target(cluster_id, f"vh_{secrets.token_hex(8)}", f"vh_{secrets.token_hex(8)}")


def cluster_of(hospital_id: UUID, name: str | None = None) -> UUID:
    """Return the named server, or that on which the hospital's database is; raises InvalidValue or HospitalNotReady."""
    with unit_of_work() as session:
        query = sa.select(DatabaseCluster.id)
        if name:
            check_place(name)
            return session.scalars(query.where(DatabaseCluster.name == name)).one()
        joined = query.join(HospitalDatabase, HospitalDatabase.cluster_id == DatabaseCluster.id)
        found = session.scalar(joined.where(HospitalDatabase.hospital_id == hospital_id))
        if found is None:
            raise HospitalNotReady
        return found


def check_in_service(hospital_id: UUID) -> None:
    """Refuse a hospital that is not in service, such as an archived one; raises NotInService."""
    with unit_of_work() as session:
        status = session.scalars(sa.select(Hospital.status).where(Hospital.id == hospital_id)).one()
    if status not in (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED):
        raise NotInService


def fill_and_compare(
    work: Work, target: Target, source: Source, *, expected: UUID | None, only_known: bool = True
) -> int:
    """Make the database of the dump and hold it against its manifest; return its rows. What fails is dropped again.

    `expected` is whose data it has to be. Raises OtherHospital, NewerSchema, ManifestDiffers, RestoreFailed, DiskFull.
    """

    cluster = target.cluster
    if source.revision is not None and only_known:
        check_revision(source.revision)
    _check_room(target, source.plain_bytes or 0)
    make_empty(cluster, target.database)
    try:
        fill(
            cluster,
            target.database,
            pg_restore(cluster),
            source.read(),
            lambda done: work.progress(done, source.plain_bytes),
        )
        check_identity(cluster, target.database, expected)
        if only_known:
            check_revision(read_revision(cluster, target.database))
        return compare(cluster, target.database, source.rows)
    except Exception:
        with suppress(psycopg.Error):
            drop_database(cluster, target.database)
        raise


def _check_room(target: Target, plain_bytes: int) -> None:
    """Refuse a database that would not fit into what the server's register entry allows; raises NoRoom."""
    with unit_of_work() as session:
        capacity_gb = session.get_one(DatabaseCluster, target.cluster_id).capacity_gb
    if capacity_gb is None:
        return
    with target.cluster.connect() as connection:
        row = connection.execute("SELECT sum(pg_database_size(oid))::bigint FROM pg_database").fetchone()
    left = capacity_gb * 1024 * MEGABYTE - int(row[0] if row else 0)
    needed = int(plain_bytes * WITH_INDEXES)
    if needed > left:
        raise NoRoom(needed // MEGABYTE + 1, max(0, left // MEGABYTE))


def prepare(target: Target, restored: Restored, *, migrate: bool) -> dict[str, Any]:
    """Bring the schema up to date where wanted, and end what must not come alive again; raises OlderSchema."""
    cluster = target.cluster
    if not migrate:
        _refuse_too_old(target)
    carried = _read_carried(restored.hospital_id, target)
    if migrate:
        cluster.migrate(target.database, "hospital")
    continue_logs(cluster, target.database)
    changed: dict[str, int] = {}
    with cluster.engine(target.database) as engine, bind_template(engine), unit_of_work():
        for (_, write), value in zip(list_carriers(), carried, strict=False):
            changed |= write(value)
        for preparer in list_preparers():
            changed |= preparer(restored)
    with cluster.connect(target.database) as inside:
        inside.execute("ANALYZE")  # a dump brings no statistics along
    return changed


def _refuse_too_old(target: Target) -> None:
    revision = read_revision(target.cluster, target.database)
    if revision is not None and not is_served(revision):
        raise OlderSchema(revision, OLDEST_SERVED)


def _read_carried(hospital_id: UUID, target: Target) -> list[Any]:
    """Read from the database that is to be left what must hold in the new one; nothing where it does not answer."""
    home = find_home(hospital_id)
    if home is None or home.database == target.database:
        return []
    try:
        with home.cluster.engine(home.database) as engine, bind_template(engine), unit_of_work():
            return [read() for read, _ in list_carriers()]
    except (DBAPIError, psycopg.Error, ClusterError) as error:
        log.warning("the present database does not say what has to be carried over", error=type(error).__name__)
        return []


def swap(work: Work, target: Target, *, reason: str) -> dict[str, Any]:
    """Give the hospital its new database while it is paused; harmless where it has it already."""
    if _is_home(work.hospital, target):
        serve_again(work.hospital)  # a try that died right after the exchange has left it paused
        return {}
    cluster, password = target.cluster, new_password()
    open_to(cluster, target, password)
    home = NewHome(target.cluster_id, target.database, target.role, password, read_revision(cluster, target.database))
    work.check()
    with paused(work.hospital, old_may_be_gone=True, holder=work.runner):
        retired = exchange(work.actor, work.hospital, home, reason=reason, other_data=True, holder=work.runner)
    return {"retired": str(retired)}


def open_to(cluster: Cluster, target: Target, password: str) -> None:
    """Make the role that serves the hospital, or give it a new password, and let nobody else in."""
    continue_logs(cluster, target.database)
    with cluster.connect() as connection:
        create_login(connection, target.role, password, member_of="vien_app", limit=CONNECTION_LIMIT)
        revoke_public(connection, target.database)
        allow_connect(connection, target.database, target.role)


def follow_up(restored: Restored) -> None:
    """Do what is done once the hospital serves again."""
    for follower in list_followers():
        follower(restored)


def _is_home(hospital_id: UUID, target: Target) -> bool:
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase.id).where(
            HospitalDatabase.hospital_id == hospital_id,
            HospitalDatabase.cluster_id == target.cluster_id,
            HospitalDatabase.database_name == target.database,
        )
        return session.scalar(query) is not None
