"""Replacing a hospital's database credentials: a second role, a switch in one transaction, the old role dropped later.

Requests that already know the old role go on with it; the registry tells all others of the new one. No request fails,
because both are valid until the pools have drained.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer, platform_keyring
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster, allow_connect, create_login, new_password
from app.tenancy.credentials.errors import NewLoginRefused, NothingToRotate, SomeFailed, reaching
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.engines import connect
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import OperationCancelled
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.leases import give_back, take_hospitals
from app.tenancy.ledger.performing import Work, first_line
from app.tenancy.making import CONNECTION_LIMIT
from app.tenancy.models import Hospital, HospitalDatabase, HospitalStatus, Operation, RetiredLogin
from app.tenancy.registry import HospitalEntry
from app.tenancy.vault import seal_password

log = get_logger(__name__)

ROTATE_HOSPITAL = "hospital.rotate_credentials"
ROTATE_FLEET = "fleet.rotate_credentials"
# An archived hospital's role cannot sign in: there is nothing to replace until it comes back.
WITH_DATABASE = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)
BUSY_ROUNDS = 5
BUSY_PAUSE_SECONDS = 2.0
TRY_SECONDS = 5


@operation(
    ROTATE_HOSPITAL,
    title=_l("Replace a hospital's database credentials"),
    takes_hospital=True,
    steps={
        "role": _l("Make a second role for the database"),
        "switch": _l("Give it a new password and use it from now on"),
    },
    quick=True,
)
def rotate_hospital(work: Work) -> dict[str, Any]:
    """Replace one hospital's role and password."""
    role = login_of(work.id, work.hospital)
    try:
        work.step("role", lambda: make_login(work.hospital, role))
        return work.step("switch", lambda: switch_to(work.actor, work.hospital, role))
    except Exception:
        take_back(work.hospital, role)
        raise


@operation(ROTATE_FLEET, title=_l("Replace every hospital's database credentials"), takes_hospital=False)
def rotate_fleet(work: Work) -> dict[str, Any]:
    """Replace the credentials of all hospitals, one after the other; taken up again, of those that are left."""
    failed: dict[str, str] = {}
    waiting, done = list_unrotated(work.id)
    total = done + len(waiting)
    for _ in range(BUSY_ROUNDS):
        busy = []
        for hospital_id, code in waiting:
            work.progress(done, total, code)
            try:
                _rotate_one(work, hospital_id)
                done += 1
            except OperationCancelled:
                raise
            except HospitalBusy:
                busy.append((hospital_id, code))
            except Exception as error:
                log.error("credentials not rotated", hospital=code, error=type(error).__name__)
                failed[code] = first_line(error)
        waiting = busy
        if not busy:
            break
        time.sleep(BUSY_PAUSE_SECONDS)
    failed |= {code: str(HospitalBusy()) for _, code in waiting}
    work.progress(done, total)
    if failed:
        raise SomeFailed(done, failed)
    return {"rotated": done}


def list_unrotated(operation_id: UUID) -> tuple[list[tuple[UUID, str]], int]:
    """Return the hospitals whose credentials are older than an operation, and how many have newer ones."""
    asked = sa.select(Operation.requested_at).where(Operation.id == operation_id).scalar_subquery()
    fits = sa.and_(Hospital.status.in_(WITH_DATABASE), HospitalDatabase.hospital_id == Hospital.id)
    query = (
        sa.select(Hospital.id, Hospital.code, HospitalDatabase.rotated_at < asked).where(fits).order_by(Hospital.code)
    )
    with db.engine.connect() as connection:
        rows = connection.execute(query.order_by(Hospital.code)).all()
    return [(row[0], row[1]) for row in rows if row[2]], sum(not row[2] for row in rows)


def login_of(operation_id: UUID, hospital_id: UUID) -> str:
    """Return the role that an operation makes for a hospital: the same one however often it is begun again."""
    digest = hashlib.sha256(b"login" + operation_id.bytes + hospital_id.bytes).hexdigest()
    return f"vh_{digest[:16]}"


def make_login(hospital_id: UUID, role: str) -> dict[str, Any]:
    """Make the second role with the limits of the first; harmless when it exists."""
    cluster, server, database, present = _place_of(hospital_id)
    if present != role:
        with reaching(server):
            _write_login(cluster, database, role, new_password())
    return {"role": role}


def switch_to(actor: Actor, hospital_id: UUID, role: str) -> dict[str, Any]:
    """Give the second role a new password, see that it opens the database, and write it into the registry."""
    cluster, server, database, present = _place_of(hospital_id)
    if present == role:
        return {"role": role}  # an earlier try got so far and died before it said so
    password = new_password()
    with reaching(server):
        _write_login(cluster, database, role, password)
    with unit_of_work() as session:
        hospital = _get_hospital(hospital_id, lock=True)
        place = _database_of(hospital)
        old, place.login_role = place.login_role, role
        seal_password(platform_keyring(), place, password)
        until = clock.now() + _grace()
        session.add(
            RetiredLogin(hospital_id=hospital.id, cluster_id=place.cluster_id, login_role=old, drop_after=until)
        )
        _try(tenancy().registry.entry_of(hospital))
        record_platform_change(
            session,
            actor,
            "credentials.rotate",
            subject_type="hospital",
            subject_id=hospital.id,
            hospital_id=hospital.id,
            changes={"login_role": [old, role]},
            risk="high",
        )
    tenancy().registry.forget()
    return {"role": role, "replaced": old, "replaced_until": until.isoformat(timespec="seconds")}


def take_back(hospital_id: UUID, role: str) -> None:
    """Drop a role that was made and is not used; what fails here is found by `flask fleet check-orphans`."""
    try:
        cluster, _, _, present = _place_of(hospital_id)
        if present != role:
            drop_login(cluster, role)
    except Exception as error:
        log.warning("a role that is not used was left behind", role=role, error=type(error).__name__)


def _rotate_one(work: Work, hospital_id: UUID) -> None:
    """Rotate within the hospital's lease; raises HospitalBusy."""
    if not take_hospitals([hospital_id], work.runner, work.kind):
        raise HospitalBusy
    role = login_of(work.id, hospital_id)
    try:
        make_login(hospital_id, role)
        switch_to(work.actor, hospital_id, role)
    except Exception:
        take_back(hospital_id, role)
        raise
    finally:
        give_back(work.runner, [hospital_id])


def _write_login(cluster: Cluster, database: str, role: str, password: str) -> None:
    with cluster.connect() as connection:
        create_login(connection, role, password, member_of="vien_app", limit=CONNECTION_LIMIT)
        allow_connect(connection, database, role)


def _try(entry: HospitalEntry) -> None:
    """Connect as portals will from now on; raises NewLoginRefused."""
    if entry.whereabouts is None:
        raise NothingToRotate
    try:
        with connect(entry.whereabouts, TRY_SECONDS) as connection:
            row = connection.execute("SELECT hospital_id FROM hospital_info").fetchone()
    except psycopg.Error as error:
        raise NewLoginRefused from error
    if row is None or row[0] != entry.id:
        raise NewLoginRefused(_l("The database says that it belongs to another hospital. Nothing was changed."))


def _place_of(hospital_id: UUID) -> tuple[Cluster, str, str, str]:
    """Return the server, its name, the database and the present role of a hospital."""
    with unit_of_work():
        place = _database_of(_get_hospital(hospital_id))
        return administer(place.cluster), place.cluster.name, place.database_name, place.login_role


def _get_hospital(hospital_id: UUID, *, lock: bool = False) -> Hospital:
    query = sa.select(Hospital).where(Hospital.id == hospital_id).options(joinedload(Hospital.database))
    if lock:
        db.session.execute(
            sa.select(HospitalDatabase.id).where(HospitalDatabase.hospital_id == hospital_id).with_for_update()
        )
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _database_of(hospital: Hospital) -> HospitalDatabase:
    if hospital.database is None or hospital.status not in WITH_DATABASE:
        raise NothingToRotate
    return hospital.database


def _grace() -> timedelta:
    return timedelta(seconds=current_app.extensions["settings"].retired_login_seconds)
