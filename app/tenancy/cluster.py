"""A PostgreSQL server made fit for hospitals: group roles, the central database, logins and who may connect.

Everything here needs an administrative address and is safe to repeat; web processes are never given one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.pool import NullPool

from app.core.addresses import spread_hosts
from app.tenancy.cluster_errors import ClusterDiskFull, ClusterLacksRights, refusal_of
from app.tenancy.schema import upgrade
from app.tenancy.scram import FEW_ROUNDS, USUAL_ROUNDS, verifier_of

GROUP_ROLES: tuple[LiteralString, ...] = (
    "vien_owner",
    "vien_app",
    "vien_patient",
    "vien_sealer",
    "vien_central_owner",
    "vien_central_app",
)
BOOTSTRAP_LOCK = 7_310_001
LOGIN_SETTINGS: tuple[tuple[LiteralString, LiteralString], ...] = (
    ("statement_timeout", "30s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("timezone", "UTC"),
)


class Cluster:
    """Administrative acts on one PostgreSQL server."""

    def __init__(self, admin_url: str) -> None:
        self._url = sa.make_url(spread_hosts(admin_url)).set(drivername="postgresql")

    @property
    def address(self) -> str:
        """Return where the server is, without who signs in there."""
        return f"{self._url.host or 'localhost'}:{self._url.port or 5432}"

    def url_of(self, database: str) -> sa.URL:
        """Return the administrative address of one database."""
        return self._url.set(database=database)

    def conninfo(self) -> str:
        """Return the administrative address of the maintenance database, for who connects with limits of their own."""
        return self._url.render_as_string(hide_password=False)

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """Open an autocommit connection, to the maintenance database where none is named; raises ClusterError."""
        url = self._url if database is None else self.url_of(database)
        try:
            connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        except psycopg.OperationalError as error:
            raise refusal_of(error, self.address, url.username or "") from error
        with connection:
            try:
                yield connection
            except psycopg.errors.DiskFull as error:
                raise ClusterDiskFull(self.address) from error

    @contextmanager
    def alone(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection when nobody else prepares this server; its end lets the next one in."""
        with self.connect() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (BOOTSTRAP_LOCK,))
            yield connection

    @contextmanager
    def engine(self, database: str) -> Iterator[sa.Engine]:
        """Give an engine for one database that keeps no connection afterwards."""
        engine = sa.create_engine(self.url_of(database).set(drivername="postgresql+psycopg"), poolclass=NullPool)
        try:
            yield engine
        finally:
            engine.dispose()

    def prepare(self) -> None:
        """Make the group roles and close the maintenance databases to everybody else; raises ClusterLacksRights."""
        with self.alone() as connection:
            if not may_administer(connection):
                raise ClusterLacksRights(self.address, self._url.username or "")
            for role in GROUP_ROLES:
                if not role_exists(connection, role):
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
                connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
            connection.execute("GRANT vien_patient TO vien_app")  # whose transactions take it on for patients' pages
            for database in ("postgres", "template1"):
                if owns_database(connection, database):
                    revoke_public(connection, database)

    def create_central(self, database: str, role: str, password: str) -> None:
        """Make the central database and the web's role there, and bring its schema to the newest revision."""
        with self.alone() as connection:
            if not database_exists(connection, database):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER vien_central_owner TEMPLATE template0").format(
                        sql.Identifier(database)
                    )
                )
            revoke_public(connection, database)
            create_login(connection, role, password, member_of="vien_central_app", limit=-1, rounds=USUAL_ROUNDS)
            allow_connect(connection, database, role)
            self.migrate(database, "central")

    def migrate(self, database: str, history: Any) -> None:
        """Bring one database to the newest revision of a history."""
        with self.engine(database) as engine, engine.connect() as connection:
            upgrade(history, connection)


def create_login(
    connection: psycopg.Connection[Any],
    role: str,
    password: str,
    *,
    member_of: str,
    limit: int,
    rounds: int = FEW_ROUNDS,
) -> None:
    """Make a login role, or set its password anew, with the limits that hold whatever pool is in between.

    A password that was not made by `new_password` needs USUAL_ROUNDS.
    """
    verifier = verifier_of(password, rounds=rounds)
    verb = sql.SQL("ALTER" if role_exists(connection, role) else "CREATE")
    name = sql.Identifier(role)
    statements = [
        sql.SQL("{} ROLE {} LOGIN INHERIT CONNECTION LIMIT {} PASSWORD {}").format(verb, name, limit, verifier),
        sql.SQL("GRANT {} TO {}").format(sql.Identifier(member_of), name),
        *(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), value)
            for setting, value in LOGIN_SETTINGS
        ),
    ]
    connection.execute(sql.SQL("; ").join(statements))  # together: all of it or nothing


def revoke_public(connection: psycopg.Connection[Any], database: str) -> None:
    """Let nobody connect to a database who was not told that they may."""
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))


def allow_connect(connection: psycopg.Connection[Any], database: str, role: str) -> None:
    """Let one role connect to one database: no TEMP, no CREATE."""
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(role))
    )


def role_exists(connection: psycopg.Connection[Any], role: str) -> bool:
    """Tell whether a role exists on the server."""
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def database_exists(connection: psycopg.Connection[Any], database: str) -> bool:
    """Tell whether a database exists on the server."""
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None


def owns_database(connection: psycopg.Connection[Any], database: str) -> bool:
    """Tell whether the present role may change who connects to a database."""
    query = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = %s"
    row = connection.execute(query, (database,)).fetchone()
    return row is not None and row[0]


def may_administer(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the present role may make databases and roles."""
    query = "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user"
    row = connection.execute(query).fetchone()
    return row is not None and row[0]


def new_password() -> str:
    """Return a random database password."""
    return secrets.token_urlsafe(24)
