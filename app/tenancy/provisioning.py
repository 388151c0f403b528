"""Making a hospital: a saga with a ledger row per step, resumed by running it again.

The operator's portal only registers the hospital (`request_hospital`); a worker or command, which holds the
administrative address, provisions it. Until the last step nobody but the saga can reach it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.actor import Actor
from app.core.crypto import Keyring
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.logging import get_logger
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
from app.tenancy.errors import HospitalExists, UnknownHospital
from app.tenancy.models import (
    DatabaseCluster,
    Hospital,
    HospitalDatabase,
    HospitalStatus,
    ProvisioningStep,
    StepState,
)
from app.tenancy.schema import head_revision
from app.tenancy.vault import open_password, seal_password

log = get_logger(__name__)

CODE = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")
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


def seeds_new_hospitals(seeder: Seeder) -> Seeder:
    """Register what fills a new hospital's database; it runs bound to the hospital and must be repeatable."""
    _seeders.append(seeder)
    return seeder


def request_hospital(actor: Actor, request: HospitalRequest) -> Hospital:
    """Register a hospital that is to be made; raises InvalidValue or HospitalExists."""
    if not CODE.match(request.code):
        raise InvalidValue(
            _l("Use 3 to 40 lower-case letters, digits and hyphens, beginning with a letter."), field="code"
        )
    if request.code in RESERVED_CODES:
        raise InvalidValue(_l("This code is reserved for the platform."), field="code")
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
            return
        saga.step("place", lambda: _choose_place(code, keyring))
        saga.step("database", lambda: _create_database(code, cluster, keyring))
        saga.step("identity", lambda: _write_identity(code, cluster))
        saga.step("content", lambda: _fill(code))
        saga.step("activate", lambda: _activate(actor, code))


class Saga:
    """The ledger of one hospital's making. Two tries at once wait for each other."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._lock: sa.Connection | None = None

    def __enter__(self) -> Saga:
        with unit_of_work() as session:
            hospital = session.scalar(sa.select(Hospital).where(Hospital.code == self._code))
            if hospital is None:
                raise UnknownHospital
            self._id = hospital.id
        self._lock = db.engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        self._lock.execute(sa.select(sa.func.pg_advisory_lock(_lock_number(self._id))))
        with unit_of_work() as session:
            status = session.scalar(sa.select(Hospital.status).where(Hospital.id == self._id))
            self.finished = status is not HospitalStatus.PROVISIONING
        return self

    def __exit__(self, *_error: object) -> None:
        if self._lock is not None:
            self._lock.execute(sa.select(sa.func.pg_advisory_unlock(_lock_number(self._id))))
            self._lock.close()

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Do one step unless the ledger says that it is done; write down how it went."""
        if self._state_of(name) is StepState.DONE:
            return
        self._note(name, StepState.RUNNING)
        try:
            work()
        except Exception as error:
            self._note(name, StepState.FAILED, error=f"{type(error).__name__}: {error}")
            raise
        self._note(name, StepState.DONE)

    def _state_of(self, name: str) -> StepState | None:
        with unit_of_work() as session:
            return session.scalar(
                sa.select(ProvisioningStep.state).where(
                    ProvisioningStep.hospital_id == self._id, ProvisioningStep.step == name
                )
            )

    def _note(self, name: str, state: StepState, error: str | None = None) -> None:
        with unit_of_work() as session:
            row = session.scalar(
                sa.select(ProvisioningStep).where(
                    ProvisioningStep.hospital_id == self._id, ProvisioningStep.step == name
                )
            )
            if row is None:
                row = ProvisioningStep(hospital_id=self._id, step=name, state=state, started_at=clock.now())
                session.add(row)
            if state is StepState.RUNNING:
                row.started_at = clock.now()
            row.state, row.error = state, error
            row.finished_at = None if state is StepState.RUNNING else clock.now()
        log.info("provisioning step", hospital=self._code, step=name, state=state.value, error=error)


def _lock_number(hospital_id: UUID) -> int:
    return hospital_id.int % 2**63


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
