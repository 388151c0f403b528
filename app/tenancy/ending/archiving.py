"""Taking a hospital out of service for long, and bringing it back: its data stays, and nothing can connect to it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.backing_up import STEPS as BACKUP_STEPS
from app.tenancy.cluster import role_exists
from app.tenancy.ending.safety import BEFORE_ARCHIVE, make_backup
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, HospitalStatus, Operation
from app.tenancy.operations import DeletionPending, check_reason, lock_hospital, set_status
from app.tenancy.pausing import Home, close_database, find_home, open_database, paused

ARCHIVE, UNARCHIVE = "hospital.archive", "hospital.unarchive"
PINNED_DAYS = 365
SERVED = (HospitalStatus.ACTIVE, HospitalStatus.SUSPENDED)


def request_archiving(actor: Actor, code: str, reason: str, *, wake: bool = True) -> Operation:
    """Ask that a hospital be archived; raises InvalidValue, UnknownHospital, NotInThisState or DeletionPending."""
    reason = check_reason(reason)
    hospital = lock_hospital(code, *SERVED)
    if hospital.delete_after is not None:
        raise DeletionPending
    return request_operation(actor, ARCHIVE, hospital=hospital, arguments={"reason": reason}, wake=wake)


def request_unarchiving(actor: Actor, code: str, *, wake: bool = True) -> Operation:
    """Ask that a hospital come back from the archive, suspended at first; raises as above."""
    hospital = lock_hospital(code, HospitalStatus.ARCHIVED)
    if hospital.delete_after is not None:
        raise DeletionPending
    return request_operation(actor, UNARCHIVE, hospital=hospital, wake=wake)


@operation(
    ARCHIVE,
    title=_l("Archive a hospital"),
    takes_hospital=True,
    steps={
        "stop": _l("Stop serving it"),
        **BACKUP_STEPS,
        "archive": _l("Archive it"),
        "lock": _l("Close its database to every connection"),
    },
)
def archive(work: Work) -> dict[str, Any]:
    """Take a hospital out of service and keep it; what fails leaves it suspended, and is taken up again."""
    work.step("stop", lambda: _stop(work))
    backup = _back_up(work)
    work.step("archive", lambda: _archive(work))
    work.step("lock", lambda: _lock(work))
    return {"code": work.code, "backup": backup["id"]}


@operation(
    UNARCHIVE,
    title=_l("Bring a hospital back from the archive"),
    takes_hospital=True,
    quick=True,
    steps={"unlock": _l("Open its database to its own role"), "suspend": _l("Leave it suspended until it is resumed")},
)
def unarchive(work: Work) -> dict[str, Any]:
    """Let a hospital's role in again; it serves when it is resumed."""
    work.step("unlock", lambda: _unlock(work))
    work.step("suspend", lambda: _leave_archive(work))
    return {"code": work.code, "status": HospitalStatus.SUSPENDED.value}


def _stop(work: Work) -> None:
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, work.hospital, with_for_update=True)
        if hospital.status is HospitalStatus.SUSPENDED:
            return
        hospital = lock_hospital(hospital.code, HospitalStatus.ACTIVE)
        set_status(work.actor, "hospital.suspend", hospital, HospitalStatus.SUSPENDED, str(work.arguments["reason"]))


def _back_up(work: Work) -> dict[str, Any]:
    with paused(work.hospital):
        return make_backup(work, BEFORE_ARCHIVE, pin_days=PINNED_DAYS)


def _archive(work: Work) -> None:
    with unit_of_work():
        hospital = lock_hospital(work.code, HospitalStatus.SUSPENDED, HospitalStatus.ARCHIVED)
        if hospital.status is HospitalStatus.ARCHIVED:
            return
        set_status(work.actor, "hospital.archive", hospital, HospitalStatus.ARCHIVED, str(work.arguments["reason"]))
        hospital.archived_at = clock.now()
        db.session.flush()


def _lock(work: Work) -> None:
    home = find_home(work.hospital)
    if home is not None:
        close_role(home)


def close_role(home: Home) -> None:
    """Let a hospital's role sign in nowhere, and end what is connected to its database."""
    with home.cluster.connect() as connection:
        _allow_login(connection, home.role, may=False)
    close_database(home, drain_seconds=0)


def _unlock(work: Work) -> None:
    home = find_home(work.hospital)
    if home is None:
        return
    with home.cluster.connect() as connection:
        _allow_login(connection, home.role, may=True)
    open_database(home)


def _leave_archive(work: Work) -> None:
    with unit_of_work():
        hospital = lock_hospital(work.code, HospitalStatus.ARCHIVED, HospitalStatus.SUSPENDED)
        if hospital.status is HospitalStatus.SUSPENDED:
            return
        set_status(work.actor, "hospital.unarchive", hospital, HospitalStatus.SUSPENDED, hospital.status_reason)
        hospital.archived_at = None
        db.session.flush()


def _allow_login(connection: psycopg.Connection[Any], role: str, *, may: bool) -> None:
    if role_exists(connection, role):
        connection.execute(
            sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), sql.SQL("LOGIN" if may else "NOLOGIN"))
        )
