"""Whose every role and database is: what a check of isolation holds the servers against."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import joinedload

from app.core.crypto import CannotDecrypt
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import MAIN, administer, platform_keyring
from app.tenancy.cluster import Cluster
from app.tenancy.models import (
    DatabaseCluster,
    Hospital,
    HospitalDatabase,
    HospitalStatus,
    RetiredDatabase,
    RetiredLogin,
)
from app.tenancy.vault import open_password

CENTRE = "central database"


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may sign in for a hospital; `password` where it is to be tried."""

    role: str
    code: str
    database: str
    password: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Server:
    """One server with what should be there: our databases by whose they are, our roles by whose they are."""

    name: str
    cluster: Cluster
    host: str
    port: int
    tls_mode: str
    target: str
    databases: dict[str, str] = field(default_factory=dict)
    logins: dict[str, Login] = field(default_factory=dict)
    allowed: set[tuple[str, str]] = field(default_factory=set)

    def label(self, database: str) -> str:
        """Name a database: the hospital's code where it is a hospital's."""
        return self.databases.get(database, database)


def list_servers() -> list[Server]:
    """Return every server with what belongs there; raises NoAdministrativeAddress."""
    with unit_of_work() as session:
        servers = {
            place.id: Server(
                place.name, administer(place), place.host, place.port, place.tls_mode, place.target_session_attrs
            )
            for place in session.scalars(sa.select(DatabaseCluster).order_by(DatabaseCluster.name))
        }
        central = {place.id for place in session.scalars(sa.select(DatabaseCluster)) if place.admin_credential == MAIN}
        made = Hospital.status.not_in((HospitalStatus.PROVISIONING, HospitalStatus.DELETED))
        present = sa.select(HospitalDatabase).join(Hospital).where(made)
        for place in session.scalars(present.options(joinedload(HospitalDatabase.hospital))):
            closed = place.hospital.status is HospitalStatus.ARCHIVED  # its own role may not sign in either
            _add(servers[place.cluster_id], place.hospital.code, place, None if closed else _password_of(place))
        set_aside = sa.select(RetiredDatabase, Hospital.code).join(Hospital, Hospital.id == RetiredDatabase.hospital_id)
        kept = (RetiredDatabase.dropped_at.is_(None), RetiredDatabase.brought_back_at.is_(None))
        for row in session.execute(set_aside.where(*kept)):
            _add(servers[row[0].cluster_id], f"{row[1]} (set aside)", row[0], None)
        _add_replaced(session, servers)
    for cluster_id in central:
        _add_centre(servers[cluster_id])
    return list(servers.values())


def _add(server: Server, code: str, place: HospitalDatabase | RetiredDatabase, password: str | None) -> None:
    server.databases[place.database_name] = code
    server.logins[place.login_role] = Login(place.login_role, code, place.database_name, password)
    server.allowed.add((place.login_role, place.database_name))


def _add_replaced(session: sa.orm.Session, servers: dict[UUID, Server]) -> None:
    """A role that was replaced still opens its hospital's database, until it is dropped."""
    replaced = sa.select(RetiredLogin, Hospital.code).join(Hospital, Hospital.id == RetiredLogin.hospital_id)
    for login, code in session.execute(replaced.where(RetiredLogin.dropped_at.is_(None))):
        server = servers[login.cluster_id]
        for database, whose in list(server.databases.items()):
            if whose.removesuffix(" (set aside)") == code:
                server.logins.setdefault(login.login_role, Login(login.login_role, f"{code} (replaced)", database))
                server.allowed.add((login.login_role, database))


def _add_centre(server: Server) -> None:
    url = sa.make_url(current_app.extensions["settings"].database_url)
    server.databases[str(url.database)] = CENTRE
    server.logins[str(url.username)] = Login(str(url.username), "the web", str(url.database), str(url.password))
    server.allowed.add((str(url.username), str(url.database)))


def _password_of(place: HospitalDatabase) -> str | None:
    try:
        return open_password(platform_keyring(), place)
    except CannotDecrypt:
        return None
