"""Databases and roles on our servers that no row knows: what work left behind that was killed and never taken up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from app.core import clock
from app.core.actor import Actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.audit import record_platform_change
from app.tenancy.cluster import Cluster
from app.tenancy.credentials.errors import NotAnOrphan, WorkUnderWay, reaching
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.ledger.requests import UNFINISHED
from app.tenancy.models import (
    DatabaseCluster,
    Hospital,
    HospitalDatabase,
    Operation,
    OperationState,
    OperationStep,
    RestoreRun,
    RestoreState,
    RetiredDatabase,
    RetiredLogin,
)
from app.tenancy.moving.slots import drop_slot, name_of

DATABASE, ROLE, SLOT = "database", "role", "slot"
OURS = re.compile(r"vh_[0-9a-z_]+")
DATABASES = (
    "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname LIKE 'vh\\_%' AND datallowconn ORDER BY 1"
)
ROLES = """
SELECT r.rolname, ARRAY(
    SELECT d.datname::text FROM pg_shdepend s JOIN pg_database d ON d.oid = s.objid
    WHERE s.classid = 'pg_database'::regclass AND s.refclassid = 'pg_authid'::regclass
        AND s.refobjid = r.oid AND s.deptype = 'a' ORDER BY 1
) FROM pg_roles r WHERE r.rolname LIKE 'vh\\_%' OR r.rolname LIKE 'vien\\_mv\\_%' ORDER BY 1
"""
# A slot that nobody reads from keeps everything that is written since, until the disk is full.
SLOTS = """
SELECT s.slot_name::text, s.database::text FROM pg_replication_slots s
WHERE s.slot_name LIKE 'vien\\_mv\\_%' OR (s.database LIKE 'vh\\_%' AND s.slot_name LIKE 'pg\\_%\\_sync\\_%'
    AND NOT EXISTS (SELECT 1 FROM pg_replication_slots m
        WHERE m.database = s.database AND m.slot_name LIKE 'vien\\_mv\\_%'))
ORDER BY 1
"""
FAILED_COUNTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A database, role or replication slot that no row knows.

    `whose` is what the database says of itself; `opens` are the databases for which a role was made.
    """

    server: str
    kind: str
    name: str
    whose: str | None = None
    size_bytes: int | None = None
    opens: tuple[str, ...] = ()


def find_orphans() -> list[Orphan]:
    """Look at every server; raises ServerAway or NoAdministrativeAddress."""
    with unit_of_work() as session:
        servers = [(place.name, administer(place)) for place in session.scalars(sa.select(DatabaseCluster))]
        known, codes = _known_names(session), _codes_by_id(session)
    found: list[Orphan] = []
    for name, cluster in sorted(servers, key=lambda server: server[0]):
        with reaching(name):
            found += _look_at(name, cluster, known, codes)
    return found


def drop_orphans(actor: Actor, orphans: Sequence[Orphan], *, databases: frozenset[str] = frozenset()) -> list[Orphan]:
    """Drop the databases that are named, slots, and the roles that open no other unknown one; return what was dropped.

    A role that opens a database which is not ours is left alone: another installation may use the same server.
    Raises WorkUnderWay while something may be making databases, and NotAnOrphan for a name that is none.
    """
    names = {orphan.name for orphan in orphans if orphan.kind == DATABASE}
    for name in sorted(databases - names):
        raise NotAnOrphan(name)
    _refuse_while_work_goes_on()
    chosen = [orphan for orphan in orphans if orphan.kind == DATABASE and orphan.name in databases]
    left = names - databases
    chosen += [orphan for orphan in orphans if orphan.kind == SLOT]
    chosen += [orphan for orphan in orphans if orphan.kind == ROLE and not left.intersection(orphan.opens)]
    with unit_of_work() as session:
        servers = {place.name: administer(place) for place in session.scalars(sa.select(DatabaseCluster))}
    for orphan in chosen:
        with reaching(orphan.server):
            _drop(servers[orphan.server], orphan)
        with unit_of_work() as session:
            record_platform_change(
                session, actor, "orphan.drop", subject_type=orphan.kind, subject_id=None,
                changes={"name": [orphan.name, None]}, risk="high",
            )  # fmt: skip
    return chosen


def _look_at(server: str, cluster: Cluster, known: set[str], codes: dict[str, str]) -> list[Orphan]:
    with cluster.connect() as connection:
        databases = [row for row in connection.execute(DATABASES).fetchall() if row[0] not in known]
        roles = [row for row in connection.execute(ROLES).fetchall() if row[0] not in known]
        slots = [row for row in connection.execute(SLOTS).fetchall() if row[0] not in known]
    found = [Orphan(server, DATABASE, name, _whose(cluster, name, codes), size) for name, size in databases]
    found += [Orphan(server, SLOT, name, _whose(cluster, database, codes)) for name, database in slots]
    return found + [Orphan(server, ROLE, name, opens=tuple(opens)) for name, opens in roles]


def _whose(cluster: Cluster, database: str, codes: dict[str, str]) -> str | None:
    try:
        with cluster.connect(database) as connection:
            row = connection.execute("SELECT hospital_id::text, code FROM hospital_info").fetchone()
    except psycopg.Error:
        return None
    if row is None:
        return None
    return codes.get(row[0], f"{row[1]} (unknown here)")


def _known_names(session: Any) -> set[str]:
    """Return every name that a row holds, and those that unfinished or failed work speaks of."""
    known: set[str] = set()
    for columns, wanted in (
        ((HospitalDatabase.database_name, HospitalDatabase.login_role), sa.true()),
        ((RetiredDatabase.database_name, RetiredDatabase.login_role), RetiredDatabase.dropped_at.is_(None)),
        ((RetiredLogin.login_role,), RetiredLogin.dropped_at.is_(None)),
        ((RestoreRun.database_name,), RestoreRun.state == RestoreState.RUNNING),
    ):
        for row in session.execute(sa.select(*columns).where(wanted)):
            known.update(filter(None, row))
    failed = sa.and_(Operation.state == OperationState.FAILED, Operation.finished_at > clock.now() - FAILED_COUNTS)
    resumable = sa.or_(Operation.state.in_(UNFINISHED), failed)
    known.update(name_of(one) for one in session.scalars(sa.select(Operation.id).where(resumable)))
    told = (
        sa.select(sa.cast(OperationStep.details, sa.Text)).join(Operation).where(resumable),
        sa.select(sa.cast(Operation.arguments, sa.Text)).where(resumable),
    )
    for query in told:
        for text in session.scalars(query):
            known.update(OURS.findall(text))
    return known


def _codes_by_id(session: Any) -> dict[str, str]:
    return {str(row[0]): row[1] for row in session.execute(sa.select(Hospital.id, Hospital.code))}


def _refuse_while_work_goes_on() -> None:
    with unit_of_work() as session:
        if session.scalar(sa.select(sa.exists().where(Operation.state.in_(UNFINISHED)))):
            raise WorkUnderWay


def _drop(cluster: Cluster, orphan: Orphan) -> None:
    if orphan.kind == ROLE:
        drop_login(cluster, orphan.name)
        return
    if orphan.kind == SLOT:
        drop_slot(cluster, orphan.name)
        return
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(orphan.name)))
