"""Making a hospital that was asked for, step by step. Until the last step nobody but the work itself can reach it."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer, platform_keyring
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.cluster import Cluster, allow_connect, create_login, database_exists, new_password, revoke_public
from app.tenancy.engines import connect
from app.tenancy.errors import UnknownHospital, WrongDatabase
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Listener, Work, perform
from app.tenancy.ledger.requests import UNFINISHED, request_operation, retry_operation
from app.tenancy.models import (
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
    Operation,
    OperationState,
)
from app.tenancy.placement import choose_cluster
from app.tenancy.provisioning import (
    CREATE,
    FirstAdministrator,
    list_administrator_writers,
)
from app.tenancy.registry import Whereabouts
from app.tenancy.schema import head_revision
from app.tenancy.template import ensure_template, is_template, template_name
from app.tenancy.vault import seal_password

CONNECTION_LIMIT = 40
CONNECT_SECONDS = 5
STEPS = {
    "place": _l("Choose where the database is to be"),
    "database": _l("Make the database and its role"),
    "identity": _l("Write into the database whose it is, and see that it answers so"),
    "administrator": _l("Hand over to the first administrator"),
    "activate": _l("Let the hospital serve"),
}
PROVISIONING = frozenset({HospitalStatus.PROVISIONING})
GIVEN_UP = frozenset({HospitalStatus.DELETED})


def provision_hospital(actor: Actor, code: str, listener: Listener | None = None) -> None:
    """Make a registered hospital here and now; what an earlier try has done is not done again.

    Raises UnknownHospital, HospitalBusy where another try is under way, or what stopped it.
    """
    operation_id = _operation_of(actor, code)
    if operation_id is not None:
        perform(operation_id, listener)


def _operation_of(actor: Actor, code: str) -> UUID | None:
    """Return the work that makes a hospital, taken up again where it had stopped; None for a hospital that serves."""
    newest = (
        sa.select(Hospital, Operation.id, Operation.state)
        .outerjoin(Operation, sa.and_(Operation.hospital_id == Hospital.id, Operation.kind == CREATE))
        .where(Hospital.code == code)
        .order_by(Operation.requested_at.desc())
        .limit(1)
    )
    with unit_of_work() as session:
        row = session.execute(newest).one_or_none()
        if row is None:
            raise UnknownHospital
        hospital, operation_id, state = row
        if state in UNFINISHED:
            return operation_id
        if state in (OperationState.FAILED, OperationState.CANCELLED):
            return retry_operation(actor, operation_id, wake=False).id
        if hospital.status is not HospitalStatus.PROVISIONING:
            return None
        return request_operation(actor, CREATE, hospital=hospital, wake=False).id


@operation(CREATE, title=_l("Create hospital"), takes_hospital=True, steps=STEPS, quick=True, retry_seconds=300)
def make_hospital(work: Work) -> dict[str, Any]:
    """Give a registered hospital a copy of the golden template, and let it serve."""
    code = work.code
    _refuse_abandoned(work.hospital)
    chosen: list[Site] = []
    work.step("place", lambda: chosen.append(_choose_place(code, work.arguments.get("cluster"))))
    site = chosen[0] if chosen else _find_site(code)
    work.step("database", lambda: _create_database(site))
    work.step("identity", lambda: _claim(site))
    work.step("administrator", lambda: _hand_over(work.actor, code))
    work.step("activate", lambda: _activate(work.actor, code))
    return {"code": code}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a hospital is made: its server, and how its own role signs in there."""

    hospital_id: UUID
    code: str
    display_name: str
    is_demo: bool
    cluster: Cluster
    place: Whereabouts


def _refuse_abandoned(hospital_id: UUID) -> None:
    """Make nothing for a hospital that was given up, whoever takes the work up again."""
    with unit_of_work() as session:
        if session.scalars(sa.select(Hospital.status).where(Hospital.id == hospital_id)).one() in GIVEN_UP:
            raise UnknownHospital


def _find_site(code: str) -> Site:
    """Return where an earlier try has begun to make a hospital."""
    with unit_of_work():
        return _site_of(_get_hospital(code))


def _site_of(hospital: Hospital) -> Site:
    place = tenancy().registry.entry_of(hospital).whereabouts
    if hospital.database is None or place is None:
        raise RuntimeError(f"hospital {hospital.code} has no place yet")
    cluster = administer(hospital.database.cluster)
    return Site(hospital.id, hospital.code, hospital.display_name, hospital.is_demo, cluster, place)


def _get_hospital(code: str) -> Hospital:
    query = sa.select(Hospital).where(Hospital.code == code).options(joinedload(Hospital.database))
    return db.session.scalars(query).one()


def new_place(hospital_id: UUID, cluster_id: UUID) -> HospitalDatabase:
    """Return a place for a database with names that tell nobody whose it is, and a new sealed password.

    Any role can list the names of databases and roles.
    """
    place = HospitalDatabase(
        hospital_id=hospital_id,
        cluster_id=cluster_id,
        database_name=f"vh_{secrets.token_hex(8)}",
        login_role=f"vh_{secrets.token_hex(8)}",
    )
    seal_password(platform_keyring(), place, new_password())
    return place


def _choose_place(code: str, cluster_name: str | None) -> Site:
    with unit_of_work() as session:
        hospital = _get_hospital(code)
        if hospital.database is None:
            cluster = choose_cluster(hospital.region, cluster_name)
            hospital.database = new_place(hospital.id, cluster.id)
            hospital.database.cluster = cluster
            session.flush()
        return _site_of(hospital)


def _create_database(site: Site) -> None:
    """Make role and database at the same time: the copy is what takes long."""
    template, name, role = template_name(), site.place.database, site.place.role
    with site.cluster.connect() as connection:
        if not is_template(connection, template):
            ensure_template(site.cluster)
        with ThreadPoolExecutor(1) as beside:
            login = beside.submit(_create_login, site)
            if not database_exists(connection, name):
                copy_database(connection, name, template)
            login.result()
        with connection.transaction():
            revoke_public(connection, name)
            allow_connect(connection, name, role)


def _create_login(site: Site) -> None:
    with site.cluster.connect() as connection:
        create_login(connection, site.place.role, site.place.password, member_of="vien_app", limit=CONNECTION_LIMIT)


def copy_database(connection: psycopg.Connection[Any], name: str, template: str) -> None:
    """Copy by WAL_LOG, which leaves other hospitals' response times alone; FILE_COPY does not."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER vien_owner TEMPLATE {} STRATEGY WAL_LOG").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


def _claim(site: Site) -> dict[str, Any]:
    """Say whose the database is, as the hospital's own role, and see that it answers so at the newest revision."""
    with connect(site.place, CONNECT_SECONDS) as connection:
        connection.execute(
            "SELECT vien_claim_database(%s, %s, %s, %s)",
            (site.hospital_id, site.code, site.display_name, site.is_demo),
        )
        connection.commit()
        found = connection.execute(
            "SELECT hospital_id, current_database(), current_user, version_num FROM hospital_info, alembic_version"
        ).fetchone()
    expected = (site.hospital_id, site.place.database, site.place.role, head_revision("hospital"))
    if found != expected:
        raise WrongDatabase(f"expected {expected}, the database says {found}")
    return {"revision": expected[-1]}


def _hand_over(actor: Actor, code: str) -> None:
    """Write the first administrator into the hospital, then forget the hash: in this order, so that none is lost."""
    waiting = _find_administrator(code)
    if waiting is None:
        return
    tenancy().registry.forget()
    with bind_hospital(code, statuses=PROVISIONING), unit_of_work():
        for writer in list_administrator_writers():
            writer(actor, waiting)
    with unit_of_work() as session:
        session.execute(
            sa.update(HospitalAdministrator)
            .where(HospitalAdministrator.hospital_id == _get_hospital(code).id)
            .values(password_hash=None, handed_over_at=clock.now())
        )


def _find_administrator(code: str) -> FirstAdministrator | None:
    with unit_of_work() as session:
        row = session.scalar(sa.select(HospitalAdministrator).join(Hospital).where(Hospital.code == code))
        if row is None or row.handed_over_at is not None:
            return None
        return FirstAdministrator(row.username, row.full_name, row.password_hash, row.email)


def _activate(actor: Actor, code: str) -> None:
    with unit_of_work() as session:
        hospital = _get_hospital(code)
        if hospital.status is not HospitalStatus.PROVISIONING:
            return  # a try that died between serving and saying so
        hospital.status = HospitalStatus.ACTIVE
        hospital.schema_revision = head_revision("hospital")
        record_platform_change(
            session,
            actor,
            "hospital.activate",
            subject_type="hospital",
            subject_id=hospital.id,
            hospital_id=hospital.id,
            changes={"status": [HospitalStatus.PROVISIONING.value, HospitalStatus.ACTIVE.value]},
            risk="medium",
        )
    tenancy().registry.forget()
