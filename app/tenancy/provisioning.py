"""Making a hospital: a saga with a ledger row per step, resumed by running it again.

The operator's portal only registers the hospital (`request_hospital`); a worker or command, which holds the
administrative address, provisions it. Until the last step nobody but the saga can reach it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from app.config import HOSPITAL_CODE
from app.core import clock
from app.core.actor import Actor
from app.core.crypto import Keyring
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.cluster import (
    Cluster,
    allow_connect,
    create_login,
    database_exists,
    new_password,
    revoke_public,
)
from app.tenancy.errors import HospitalExists
from app.tenancy.models import (
    DatabaseCluster,
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
)
from app.tenancy.saga import Saga
from app.tenancy.schema import head_revision
from app.tenancy.vault import open_password, seal_password

RESERVED_CODES = frozenset(
    {
        "admin",
        "api",
        "app",
        "central",
        "demo",
        "hospital",
        "h",
        "metrics",
        "new",
        "patient",
        "platform",
        "static",
        "vien",
        "www",
    }
)
CONNECTION_LIMIT = 40

Seeder = Callable[[], None]
_seeders: list[Seeder] = []
AdministratorWriter = Callable[[Actor, "FirstAdministrator"], None]
_administrator_writers: list[AdministratorWriter] = []


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """Who is to sign in to a new hospital first; the password is known here as its Argon2id hash only."""

    username: str
    full_name: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class HospitalRequest:
    """What an operator says of a new hospital."""

    code: str
    name: str
    display_name: str
    region: str = "vn"
    timezone: str = "Asia/Ho_Chi_Minh"
    locale: str = "vi"
    plan: str = "standard"
    max_users: int = 100
    max_storage_gb: int = 50
    custom_domain: str | None = None
    is_demo: bool = False
    administrator: FirstAdministrator | None = None


def seeds_new_hospitals(seeder: Seeder) -> Seeder:
    """Register what fills a new hospital's database; it runs bound to the hospital and must be repeatable."""
    _seeders.append(seeder)
    return seeder


def writes_administrators(writer: AdministratorWriter) -> AdministratorWriter:
    """Register what writes the first administrator into a hospital; bound and repeatable like a seeder."""
    _administrator_writers.append(writer)
    return writer


def check_code(code: str) -> None:
    """Refuse a code that cannot be a hospital's; raises InvalidValue."""
    if not HOSPITAL_CODE.fullmatch(code):
        raise InvalidValue(
            _l("Use 3 to 40 lower-case letters, digits and hyphens, beginning with a letter."), field="code"
        )
    if code in RESERVED_CODES:
        raise InvalidValue(_l("This code is reserved for the platform."), field="code")


def request_hospital(actor: Actor, request: HospitalRequest) -> Hospital:
    """Register a hospital that is to be made; raises InvalidValue or HospitalExists."""
    check_code(request.code)
    hospital = Hospital(
        code=request.code,
        name=request.name,
        display_name=request.display_name,
        region=request.region,
        timezone=request.timezone,
        locale=request.locale,
        plan=request.plan,
        max_users=request.max_users,
        max_storage_gb=request.max_storage_gb,
        custom_domain=request.custom_domain or None,
        is_demo=request.is_demo,
        created_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(hospital)
    except IntegrityError as error:
        if "custom_domain" in str(error.orig):
            raise InvalidValue(_l("Another hospital uses this domain."), field="custom_domain") from None
        raise HospitalExists from None
    if request.administrator is not None:
        db.session.add(HospitalAdministrator(hospital_id=hospital.id, **asdict(request.administrator)))
        db.session.flush()
    record_platform_change(
        db.session(),
        actor,
        "hospital.request",
        subject_type="hospital",
        subject_id=hospital.id,
        hospital_id=hospital.id,
        changes={"code": [None, request.code], "name": [None, request.name]},
        risk="medium",
    )
    return hospital


def list_unfinished() -> list[str]:
    """Return the codes of the hospitals that are registered but not made yet, oldest first."""
    query = sa.select(Hospital.code).where(Hospital.status == HospitalStatus.PROVISIONING).order_by(Hospital.created_at)
    return list(db.session.scalars(query))


def provision_hospital(actor: Actor, code: str, *, cluster: Cluster, keyring: Keyring) -> None:
    """Make a registered hospital's database and let it serve; what an earlier try has done is not done again."""
    with Saga(code) as saga:
        if saga.finished:
            saga.step("activate", lambda: None)  # a try that died between serving and saying so is put right
            return
        saga.step("place", lambda: _choose_place(code, keyring))
        saga.step("database", lambda: _create_database(code, cluster, keyring))
        saga.step("identity", lambda: _write_identity(code, cluster))
        saga.step("content", lambda: _fill(code))
        saga.step("administrator", lambda: _hand_over(actor, code))
        saga.step("activate", lambda: _activate(actor, code))


def _get_hospital(code: str) -> Hospital:
    query = sa.select(Hospital).where(Hospital.code == code).options(joinedload(Hospital.database))
    return db.session.scalars(query).one()


def _choose_place(code: str, keyring: Keyring) -> None:
    with unit_of_work() as session:
        hospital = _get_hospital(code)
        if hospital.database is not None:
            return
        cluster = session.scalars(sa.select(DatabaseCluster).order_by(DatabaseCluster.created_at).limit(1)).one()
        database = HospitalDatabase(
            hospital_id=hospital.id,
            cluster=cluster,
            database_name=f"vh_{secrets.token_hex(8)}",  # opaque: any role can list names
            login_role=f"vh_{secrets.token_hex(8)}",
        )
        seal_password(keyring, database, new_password())
        session.add(database)


def _create_database(code: str, cluster: Cluster, keyring: Keyring) -> None:
    with unit_of_work():
        place = _place(code)
        name, role, password = place.database_name, place.login_role, open_password(keyring, place)
    template = cluster.ensure_template()
    with cluster.connect() as connection:
        create_login(connection, role, password, member_of="vien_app", limit=CONNECTION_LIMIT)
        if not database_exists(connection, name):
            _copy_template(connection, name, template)
        revoke_public(connection, name)
        allow_connect(connection, name, role)


def _copy_template(connection: psycopg.Connection[object], name: str, template: str) -> None:
    """Copy by WAL_LOG, which leaves other hospitals' response times alone; FILE_COPY does not."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER vien_owner TEMPLATE {} STRATEGY WAL_LOG").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


def _write_identity(code: str, cluster: Cluster) -> None:
    with unit_of_work():
        hospital = _get_hospital(code)
        facts = (hospital.id, hospital.code, hospital.display_name, hospital.is_demo)
        name = _place(code).database_name
    with cluster.connect(name) as connection:
        connection.execute(
            "INSERT INTO hospital_info (hospital_id, code, name, is_demo) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (only_row) DO NOTHING",
            facts,
        )


def _fill(code: str) -> None:
    tenancy().registry.forget()
    with bind_hospital(code, statuses=frozenset({HospitalStatus.PROVISIONING})), unit_of_work():
        for seeder in _seeders:
            seeder()


def _hand_over(actor: Actor, code: str) -> None:
    """Write the first administrator into the hospital, then forget the hash: in this order, so that none is lost."""
    waiting = _find_administrator(code)
    if waiting is None:
        return
    with bind_hospital(code, statuses=frozenset({HospitalStatus.PROVISIONING})), unit_of_work():
        for writer in _administrator_writers:
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
        if row is None or row.password_hash is None:
            return None
        return FirstAdministrator(row.username, row.full_name, row.password_hash)


def _activate(actor: Actor, code: str) -> None:
    with unit_of_work() as session:
        hospital = _get_hospital(code)
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


def _place(code: str) -> HospitalDatabase:
    database = _get_hospital(code).database
    if database is None:
        raise RuntimeError(f"hospital {code} has no place yet")
    return database
