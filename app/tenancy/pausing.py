"""Pausing a hospital for the seconds in which its database is exchanged: nobody is served and nobody writes.

The pause is announced like every change of the register. A process that does not hear of it is cut off from the
database itself, so that nothing is ever written into one that is being left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from flask import current_app
from psycopg import sql
from sqlalchemy.orm import joinedload

from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster, allow_connect, database_exists, role_exists
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.leases import has_hospital, holding_hospital
from app.tenancy.models import Hospital, HospitalDatabase

log = get_logger(__name__)

DRAIN_SECONDS = 3.0
LOOK_SECONDS = 0.05
# Who may connect besides the owner; an administrator who is no superuser is among the members of vien_app too.
ADMITTED = """
SELECT r.rolname FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE d.datname = %s AND a.privilege_type = 'CONNECT' AND a.grantee <> d.datdba
"""
AT_WORK = """
SELECT a.pid, a.usename, a.state FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.datname = %s AND NOT r.rolsuper AND a.usename <> current_user AND pg_has_role(r.oid, 'vien_app', 'MEMBER')
"""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a hospital's database is, for administrators: its server, its name and the role that serves it."""

    cluster: Cluster
    database: str
    role: str


@contextmanager
def paused(hospital_id: UUID, *, old_may_be_gone: bool = False, holder: str | None = None) -> Iterator[Home | None]:
    """Serve nobody inside; afterwards the hospital serves again from wherever its place then is.

    Inside, no role of a hospital is connected to the database, and none can connect. With `old_may_be_gone` a server
    that does not answer does not stop it: what every process remembers is waited out instead. A `holder` that has lost
    the hospital to another runner leaves the pause to it: it may be the other's by now.
    """
    _set_paused(hospital_id, sa.func.coalesce(Hospital.paused_at, sa.func.now()))
    try:
        home = find_home(hospital_id)
        if home is not None:
            _leave(home, old_may_be_gone=old_may_be_gone)
        yield home
    finally:
        if holder is None or has_hospital(hospital_id, holder):
            serve_again(hospital_id)


def serve_again(hospital_id: UUID) -> None:
    """Let a hospital's own role into its database, and the hospital serve; harmless where it does already."""
    home = find_home(hospital_id)
    if home is not None:
        try:
            open_database(home)
        except psycopg.OperationalError as error:
            log.error("database server away; the hospital is not paused any more", error=type(error).__name__)
    _set_paused(hospital_id, sa.null())


def find_home(hospital_id: UUID) -> Home | None:
    """Return where a hospital's database is now, or None; raises NoAdministrativeAddress."""
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_id)
        place = session.scalar(query.options(joinedload(HospitalDatabase.cluster)))
        if place is None:
            return None
        return Home(administer(place.cluster), place.database_name, place.login_role)


def open_database(home: Home) -> None:
    """Let the role that serves a hospital connect to its database."""
    with home.cluster.connect() as connection:
        if database_exists(connection, home.database) and role_exists(connection, home.role):
            allow_connect(connection, home.database, home.role)


def close_database(home: Home, drain_seconds: float = DRAIN_SECONDS) -> None:
    """Let requests end for a moment, then take away from every role the right to connect, and end what is left."""
    with home.cluster.connect() as connection:
        admitted = [role for (role,) in connection.execute(ADMITTED, (home.database,)).fetchall()]
        for role in admitted:
            _act_for(connection, role)
        deadline = time.monotonic() + drain_seconds
        while time.monotonic() < deadline and _is_busy(connection, home.database):
            time.sleep(LOOK_SECONDS)
        for role in admitted:
            connection.execute(
                sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(
                    sql.Identifier(home.database), sql.Identifier(role)
                )
            )
        _end_connections(connection, home.database)


def lift_left_pauses() -> list[str]:
    """Let hospitals serve again whose pause was left behind by a process that died; return their codes."""
    with unit_of_work() as session:
        left = session.execute(sa.select(Hospital.id, Hospital.code).where(Hospital.paused_at.is_not(None))).all()
    lifted = []
    for hospital_id, code in left:
        with suppress(HospitalBusy), holding_hospital(hospital_id, "lift pause"):
            serve_again(hospital_id)
            lifted.append(code)
            log.warning("a pause was left behind; the hospital serves again", hospital=code)
    return lifted


def _leave(home: Home, *, old_may_be_gone: bool) -> None:
    try:
        close_database(home)
    except psycopg.OperationalError:
        if not old_may_be_gone:
            raise
        seconds = current_app.extensions["settings"].registry_seconds
        log.warning("the old database server does not answer; going on without it", seconds=seconds)
        time.sleep(seconds)


def _is_busy(connection: psycopg.Connection[Any], database: str) -> bool:
    return any(state != "idle" for _, _, state in connection.execute(AT_WORK, (database,)))


def _end_connections(connection: psycopg.Connection[Any], database: str) -> None:
    """End every connection of hospitals' roles; twice none, because one may just be coming in."""
    quiet = 0
    while quiet < 2:
        left = connection.execute(AT_WORK, (database,)).fetchall()
        quiet = 0 if left else quiet + 1
        for role in {role for _, role, _ in left}:
            _act_for(connection, role)
        for pid, _, _ in left:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        time.sleep(LOOK_SECONDS)


def _act_for(connection: psycopg.Connection[Any], role: str) -> None:
    """Let an administrator who is no superuser see what a role's connections do, and end them."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is not None and not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _set_paused(hospital_id: UUID, value: Any) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.update(Hospital).where(Hospital.id == hospital_id).values(paused_at=value))
    tenancy().registry.forget()
