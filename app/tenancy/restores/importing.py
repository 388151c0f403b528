"""Taking a hospital over from another installation: its backup or its dump, under a new code and a new identity.

Nothing is registered before the archive was read to its end and found whole, of a key and a schema that are known here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.audit import record_platform_change
from app.tenancy.backups.source import open_backup
from app.tenancy.binding import tenancy
from app.tenancy.cluster import new_password
from app.tenancy.errors import HospitalBusy, HospitalExists
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.leases import take_hospitals
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, HospitalDatabase, HospitalStatus, Operation
from app.tenancy.placement import check_place, choose_cluster
from app.tenancy.provisioning import HospitalRequest, check_code, register_hospital
from app.tenancy.restores.hooks import Restored
from app.tenancy.restores.making import (
    CENTRE,
    FILES,
    FILL,
    PREPARE,
    Target,
    fill_and_compare,
    follow_up,
    new_target,
    open_to,
    prepare,
)
from app.tenancy.restores.runs import IMPORT, noting
from app.tenancy.restores.sources import DumpFile, Source
from app.tenancy.restores.verifying import check_revision, read_revision
from app.tenancy.vault import seal_password

IMPORT_OPERATION = "hospital.import"


def request_import(
    actor: Actor, request: HospitalRequest, *, location: str | None = None, dump: Path | None = None, wake: bool = True
) -> Operation:
    """Ask for a hospital to be made of a backup in the store, or of a dump on this machine.

    Raises InvalidValue for a code that cannot be, HospitalExists for one that is taken.
    """
    check_code(request.code)
    check_place(request.cluster)
    if db.session.scalar(sa.select(Hospital.id).where(Hospital.code == request.code)) is not None:
        raise HospitalExists
    if (location is None) == (dump is None):
        raise InvalidValue(_l("Name a backup in the store, or a dump file."), field="location")
    arguments = {
        "code": request.code,
        "name": request.name,
        "display_name": request.display_name,
        "region": request.region,
        **({"cluster": request.cluster} if request.cluster else {}),
        **({"location": location} if location else {"dump": str(dump)}),
    }
    return request_operation(actor, IMPORT_OPERATION, arguments=arguments, wake=wake)


@operation(
    IMPORT_OPERATION,
    title=_l("Import hospital"),
    takes_hospital=False,
    steps={
        "read": _l("Read the archive to its end"),
        "register": _l("Register the hospital and choose its place"),
        "fill": FILL,
        "files": FILES,
        "identity": _l("Write into the database whose it is now"),
        "prepare": PREPARE,
        "open": _l("Let the hospital serve"),
        "centre": CENTRE,
    },
)
def import_hospital(work: Work) -> dict[str, Any]:
    """Make a hospital of an archive of another one; until the step before the last nobody can reach it."""
    source = _open(work)
    hospital_id = UUID(work.step("read", lambda: _read(work, source))["hospital"])
    target = Target.of(work.step("register", lambda: _register(work, hospital_id)))
    code = work.arguments["code"]
    if not take_hospitals([hospital_id], work.runner, IMPORT_OPERATION):
        raise HospitalBusy
    restored = Restored(hospital_id, code, source.taken_at, imported=True)
    with noting(
        work, IMPORT, hospital_id=hospital_id, backup_id=None, database=target.database, proves=False
    ) as outcome:
        outcome.rows = work.step("fill", lambda: {"rows": fill_and_compare(work, target, source, expected=None)})[
            "rows"
        ]
        files = work.step("files", lambda: source.bring_files(hospital_id))
        work.step("identity", lambda: _claim(target, hospital_id, work.arguments))
        prepared = work.step("prepare", lambda: prepare(target, restored, migrate=True))
        work.step("open", lambda: _open_hospital(work.actor, hospital_id, target))
        work.step("centre", lambda: follow_up(restored))
    return {"code": code, "rows": outcome.rows, **files, **prepared}


def _open(work: Work) -> Source:
    dump = work.arguments.get("dump")
    return DumpFile(Path(dump)) if dump else open_backup(work.arguments["location"])


def _read(work: Work, source: Source) -> dict[str, Any]:
    """Refuse what could not be restored before a code is taken for it; choose the new hospital's id."""
    if source.revision is not None:
        check_revision(source.revision)
    source.check()
    done = 0
    for piece in source.read():
        done += len(piece)
        work.progress(done, source.plain_bytes)
    return {"hospital": str(new_id())}


def _register(work: Work, hospital_id: UUID) -> dict[str, Any]:
    asked = work.arguments
    request = HospitalRequest(
        code=asked["code"], name=asked["name"], display_name=asked["display_name"], region=asked["region"]
    )
    with unit_of_work() as session:
        if session.get(Hospital, hospital_id) is None:  # else a try that died here has registered it
            register_hospital(work.actor, request, hospital_id)
        return new_target(choose_cluster(request.region, asked.get("cluster")).id).as_details()


def _claim(target: Target, hospital_id: UUID, asked: dict[str, Any]) -> None:
    with target.cluster.connect(target.database) as connection:
        connection.execute(
            "UPDATE hospital_info SET hospital_id = %s, code = %s, name = %s, is_demo = false",
            (hospital_id, asked["code"], asked["display_name"]),
        )


def _open_hospital(actor: Actor, hospital_id: UUID, target: Target) -> None:
    """Write down the place and let it serve, in one transaction."""
    with unit_of_work() as session:
        hospital = session.scalars(sa.select(Hospital).where(Hospital.id == hospital_id).with_for_update()).one()
        if hospital.status is not HospitalStatus.PROVISIONING:
            return  # a try that died between serving and saying so
        password = new_password()
        open_to(target.cluster, target, password)
        place = HospitalDatabase(
            hospital_id=hospital_id,
            cluster_id=target.cluster_id,
            database_name=target.database,
            login_role=target.role,
        )
        seal_password(platform_keyring(), place, password)
        session.add(place)
        hospital.status = HospitalStatus.ACTIVE
        hospital.schema_revision = read_revision(target.cluster, target.database)
        hospital.updated_at = clock.now()
        record_platform_change(
            session,
            actor,
            "hospital.import",
            subject_type="hospital",
            subject_id=hospital_id,
            hospital_id=hospital_id,
            changes={"status": [HospitalStatus.PROVISIONING.value, HospitalStatus.ACTIVE.value]},
            risk="high",
        )
    tenancy().registry.forget()
