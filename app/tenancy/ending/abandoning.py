"""Giving up a hospital that never came to be: what was made of it is undone, and its code is free again.

The row stays for the audit log and the ledger, under a name that nobody types.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import (
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
    Operation,
    OperationState,
)
from app.tenancy.operations import lock_hospital, record_hospital_change
from app.tenancy.pausing import find_home
from app.tenancy.provisioning import CREATE

ABANDON = "hospital.abandon"
STOPPED = (OperationState.QUEUED, OperationState.FAILED)


def request_abandoning(actor: Actor, code: str, *, wake: bool = True) -> Operation:
    """Ask that a hospital which is not made yet be given up; raises UnknownHospital or NotInThisState."""
    hospital = lock_hospital(code, HospitalStatus.PROVISIONING)
    return request_operation(actor, ABANDON, hospital=hospital, arguments={"code": code}, wake=wake)


@operation(
    ABANDON,
    title=_l("Give up a hospital that was not made"),
    takes_hospital=True,
    quick=True,
    steps={
        "stop": _l("Take back that it is to be made"),
        "undo": _l("Drop what was made: database and role"),
        "free": _l("Free the code"),
    },
)
def abandon(work: Work) -> dict[str, Any]:
    """Undo a hospital that never served. While somebody makes it just now, the lease refuses this."""
    code = str(work.arguments["code"])
    work.step("stop", lambda: _stop(work))
    work.step("undo", lambda: _undo(work))
    work.step("free", lambda: _free(work))
    return {"code": code, "free_again": True}


def _stop(work: Work) -> None:
    """Let nobody take its making up again, and let it not become a hospital in the meantime."""
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, work.hospital, with_for_update=True)
        if hospital.status is not HospitalStatus.DELETED:
            hospital = lock_hospital(hospital.code, HospitalStatus.PROVISIONING)
        session.execute(
            sa.update(Operation)
            .where(Operation.hospital_id == hospital.id, Operation.kind == CREATE, Operation.state.in_(STOPPED))
            .values(state=OperationState.CANCELLED, finished_at=clock.now())
        )


def _undo(work: Work) -> dict[str, Any]:
    home = find_home(work.hospital)
    if home is None:
        return {}
    drop_database(home.cluster, home.database)
    drop_login(home.cluster, home.role)
    return {"database": home.database, "role": home.role}


def drop_database(cluster: Cluster, database: str) -> None:
    """Drop a database and end whoever is connected to it; harmless where it is gone."""
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _free(work: Work) -> None:
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, work.hospital, with_for_update=True)
        if hospital.status is HospitalStatus.DELETED:
            return
        session.execute(sa.delete(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital.id))
        session.execute(sa.delete(HospitalAdministrator).where(HospitalAdministrator.hospital_id == hospital.id))
        code, hospital.code = hospital.code, f"abandoned-{secrets.token_hex(6)}"
        hospital.custom_domain, hospital.status = None, HospitalStatus.DELETED
        hospital.deleted_at = hospital.updated_at = clock.now()
        hospital.updated_by = work.actor.id
        db.session.flush()
        changes: dict[str, object] = {
            "code": [code, hospital.code],
            "status": [HospitalStatus.PROVISIONING.value, HospitalStatus.DELETED.value],
        }
        record_hospital_change(work.actor, "hospital.abandon", hospital, changes, risk="high")
        after_commit(tenancy().registry.forget)
