"""The end of roles that were replaced: closed, their last connections ended, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg import sql

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.audit import record_platform_change
from app.tenancy.cluster import Cluster, role_exists
from app.tenancy.credentials.errors import LoginOwnsThings, reaching
from app.tenancy.models import DatabaseCluster, HospitalDatabase, RetiredDatabase, RetiredLogin

log = get_logger(__name__)

END_MILLISECONDS = 5_000
LONGEST_WORK = timedelta(hours=12)
OWNED = """
SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = %s::regrole AND deptype = 'o'
"""
GRANTED_IN = """
SELECT DISTINCT d.datname FROM pg_shdepend s
JOIN pg_database d ON d.oid = CASE WHEN s.classid = 'pg_database'::regclass THEN s.objid ELSE s.dbid END
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s::regrole AND s.deptype = 'a'
"""
GRANTED_INSIDE = """
SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s::regrole
"""


def drop_due_logins(actor: Actor) -> int:
    """Drop every replaced role whose time is over; what fails is tried again at the next call."""
    dropped = 0
    for login_id in _list_due():
        try:
            dropped += _drop_retired(actor, login_id)
        except (VienError, psycopg.Error) as error:
            log.warning("a replaced role could not be dropped", login=str(login_id), error=type(error).__name__)
    return dropped


def list_retired_logins(hospital_id: UUID, limit: int = 50) -> Sequence[Any]:
    """Return the roles that a hospital used before, newest first."""
    query = (
        sa.select(RetiredLogin.login_role, RetiredLogin.retired_at, RetiredLogin.drop_after, RetiredLogin.dropped_at)
        .where(RetiredLogin.hospital_id == hospital_id)
        .order_by(RetiredLogin.retired_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def is_at_work(cluster: Cluster, role: str) -> bool:
    """Tell whether somebody is in the middle of something under a role: idle connections of a pool are not."""
    with cluster.connect() as connection:
        if not role_exists(connection, role):
            return False
        _act_for(connection, role)  # of others' connections it is not seen what they do
        query = "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND state IS DISTINCT FROM 'idle'"
        return connection.execute(query, (role,)).fetchone() is not None


def drop_login(cluster: Cluster, role: str) -> None:
    """Close a role, end its connections, take its rights and drop it; raises LoginOwnsThings."""
    with cluster.connect() as connection:
        if not role_exists(connection, role):
            return
        name = sql.Identifier(role)
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
        _act_for(connection, role)
        connection.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE usename = %s", (END_MILLISECONDS, role)
        )
        if connection.execute(OWNED, (role,)).fetchone():
            raise LoginOwnsThings(role)
        for (database,) in connection.execute(GRANTED_INSIDE, (role,)).fetchall():
            with cluster.connect(database) as inside:
                inside.execute(sql.SQL("DROP OWNED BY {}").format(name))
        for (database,) in connection.execute(GRANTED_IN, (role,)).fetchall():
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(sql.Identifier(database), name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def _act_for(connection: psycopg.Connection[Any], role: str) -> None:
    """Let an administrator who is no superuser end the role's connections and take its rights."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is not None and not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _list_due() -> list[UUID]:
    used = sa.exists().where(
        HospitalDatabase.cluster_id == RetiredLogin.cluster_id, HospitalDatabase.login_role == RetiredLogin.login_role
    )
    kept = sa.exists().where(
        RetiredDatabase.cluster_id == RetiredLogin.cluster_id,
        RetiredDatabase.login_role == RetiredLogin.login_role,
        RetiredDatabase.dropped_at.is_(None),
        RetiredDatabase.brought_back_at.is_(None),
    )
    query = (
        sa.select(RetiredLogin.id)
        .where(RetiredLogin.dropped_at.is_(None), RetiredLogin.drop_after <= clock.now(), ~used, ~kept)
        .order_by(RetiredLogin.drop_after)
    )
    with unit_of_work() as session:
        return list(session.scalars(query))


def _drop_retired(actor: Actor, login_id: UUID) -> bool:
    with unit_of_work() as session:
        login = session.get_one(RetiredLogin, login_id)
        place = session.get_one(DatabaseCluster, login.cluster_id)
        cluster, server, role = administer(place), place.name, login.login_role
        spared = clock.now() < login.drop_after + LONGEST_WORK
    with reaching(server):
        if spared and is_at_work(cluster, role):
            return False  # a backup or a report that began before; at the next call, or when it has taken too long
        drop_login(cluster, role)
    with unit_of_work() as session:
        login = session.get_one(RetiredLogin, login_id)
        login.dropped_at = clock.now()
        record_platform_change(
            session,
            actor,
            "credentials.drop",
            subject_type="hospital",
            subject_id=login.hospital_id,
            hospital_id=login.hospital_id,
            changes={"login_role": [role, None]},
            risk="medium",
        )
    return True
