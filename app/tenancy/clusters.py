"""The register of database servers: taking one into use, changing what it takes, and how full each is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.core.actor import Actor
from app.core.addresses import place_of, spread_hosts, target_of
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, VienError
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import FURTHER, NoAdministrativeAddress, administer
from app.tenancy.audit import record_platform_change
from app.tenancy.cluster import Cluster
from app.tenancy.models import DatabaseCluster, HospitalDatabase
from app.tenancy.template import ensure_template

OLDEST = 15
NAME_LENGTH = 40


class ClusterExists(Conflict):
    title = _l("This server is registered already")
    default_message = _l("A database server is registered under this name.")
    remedy = _l("Change it with `flask platform change-cluster`, or choose another name.")


class ServerTooOld(Conflict):
    title = _l("This PostgreSQL is too old")

    def __init__(self, found: int) -> None:
        super().__init__(
            _l("The server runs PostgreSQL %(found)s; %(oldest)s or newer is needed.", found=found, oldest=OLDEST),
            remedy=_l("Upgrade PostgreSQL there, or choose another server. Nothing was changed."),
        )


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What an operator says of a database server; host and port as the administrative address has them, where None."""

    name: str
    region: str
    host: str | None = None
    port: int | None = None
    tls_mode: str | None = None
    pooler_host: str | None = None
    pooler_port: int | None = None
    capacity: int = 500
    capacity_gb: int | None = None


@dataclass(frozen=True, slots=True)
class ShownServer:
    """A registered server with what stands on it; `fault` is why it did not answer, None where nobody asked."""

    row: Any
    hospitals: int
    answers: bool | None = None
    fault: str | None = None

    @property
    def room(self) -> int:
        return max(0, int(self.row.capacity) - self.hospitals)


def add_cluster(actor: Actor, facts: ServerFacts) -> None:
    """Prepare a further server for hospitals and register it; harmless to repeat until it is registered.

    Raises NoAdministrativeAddress, ClusterExists, ServerTooOld, InvalidValue or ClusterError.
    """
    settings: Settings = current_app.extensions["settings"]
    _check(facts)
    address = settings.cluster_admin_urls.get(facts.name)
    if address is None:
        raise NoAdministrativeAddress(
            _l("This process has no administrative address of the database server %(name)s.", name=facts.name),
            remedy=_l("Add it to CLUSTER_ADMIN_URLS of workers and commands, and start them again."),
        )
    with unit_of_work() as session:
        if session.scalar(sa.select(sa.exists().where(DatabaseCluster.name == facts.name))):
            raise ClusterExists
    cluster = Cluster(address)
    with cluster.connect() as connection:
        if connection.info.server_version // 10_000 < OLDEST:
            raise ServerTooOld(connection.info.server_version // 10_000)
    cluster.prepare()
    ensure_template(cluster)
    try:
        with unit_of_work():
            _register(actor, facts, sa.make_url(spread_hosts(address)))
    except IntegrityError:
        raise ClusterExists from None


def change_cluster(actor: Actor, name: str, changes: dict[str, Any]) -> None:
    """Change how a server is reached or what it takes; other processes hear of it. Raises InvalidValue."""
    row = db.session.scalar(sa.select(DatabaseCluster).where(DatabaseCluster.name == name).with_for_update())
    if row is None:
        raise InvalidValue(_l("No database server is registered under this name."), field="cluster")
    changed = {field: [getattr(row, field), value] for field, value in changes.items() if getattr(row, field) != value}
    if not changed:
        return
    for field, (_old, new) in changed.items():
        setattr(row, field, new)
    row.updated_by = actor.id
    db.session.flush()
    _record(actor, "cluster.change", row, changed)


def list_clusters() -> list[ShownServer]:
    """Return the registered servers with how many hospitals stand on each; nobody is asked."""
    used = (
        sa.select(sa.func.count())
        .where(HospitalDatabase.cluster_id == DatabaseCluster.id)
        .correlate(DatabaseCluster)
        .scalar_subquery()
    )
    query = sa.select(*DatabaseCluster.__table__.columns, used.label("hospitals"))
    rows = db.session.execute(query.order_by(DatabaseCluster.region, DatabaseCluster.name)).all()
    return [ShownServer(row, row.hospitals) for row in rows]


def ask_clusters() -> list[ShownServer]:
    """Return the registered servers and whether each lets an administrator in, all asked at once."""
    with unit_of_work() as session:
        shown = list_clusters()
        servers = [_administered(row) for row in session.scalars(sa.select(DatabaseCluster))]
    with ThreadPoolExecutor(8) as pool:
        faults = dict(zip((name for name, _ in servers), pool.map(_ask, servers), strict=True))
    return [ShownServer(one.row, one.hospitals, faults[one.row.name] is None, faults[one.row.name]) for one in shown]


def _check(facts: ServerFacts) -> None:
    if not facts.name.strip() or len(facts.name) > NAME_LENGTH or facts.name == "main":
        raise InvalidValue(_l("Give the server a name of at most %(count)s letters.", count=NAME_LENGTH), field="name")
    if facts.capacity < 1 or (facts.capacity_gb is not None and facts.capacity_gb < 1):
        raise InvalidValue(_l("A server takes at least one hospital."), field="capacity")


def _register(actor: Actor, facts: ServerFacts, url: sa.URL) -> None:
    host, port = place_of(url)
    row = DatabaseCluster(
        name=facts.name,
        region=facts.region,
        host=facts.host or host,
        port=facts.port or port,
        target_session_attrs=target_of(url),
        tls_mode=facts.tls_mode or url.query.get("sslmode", "prefer"),
        pooler_host=facts.pooler_host,
        pooler_port=facts.pooler_port,
        admin_credential=f"{FURTHER}{facts.name}",
        capacity=facts.capacity,
        capacity_gb=facts.capacity_gb,
        created_by=actor.id,
    )
    db.session.add(row)
    db.session.flush()
    _record(actor, "cluster.add", row, {"host": [None, row.host], "region": [None, row.region]})


def _record(actor: Actor, action: str, row: DatabaseCluster, changes: dict[str, Any]) -> None:
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="database_cluster",
        subject_id=row.id,
        changes={"name": [None, row.name], **changes},
        risk="high",
    )


def _administered(row: DatabaseCluster) -> tuple[str, Cluster | VienError]:
    try:
        return row.name, administer(row)
    except NoAdministrativeAddress as error:
        return row.name, error


def _ask(server: tuple[str, Cluster | VienError]) -> str | None:
    """Return why a server does not answer, or None."""
    _name, cluster = server
    if isinstance(cluster, VienError):
        return type(cluster).__name__
    try:
        with cluster.connect() as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return type(error).__name__
    return None
