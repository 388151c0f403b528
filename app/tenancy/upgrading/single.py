"""Bringing one hospital to a revision, up, or down where the way back is written."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.actor import Actor
from app.core.db import db
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.binding import tenancy
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, MigrationState, Operation
from app.tenancy.revisions import number_of
from app.tenancy.schema import head_revision
from app.tenancy.upgrading import runs
from app.tenancy.upgrading.applying import Limits, Outcome, Target, Verdict, connected, read_revision, try_migration
from app.tenancy.upgrading.errors import MigrationFailed, NotMigratable
from app.tenancy.upgrading.planning import MIGRATED, Planned
from app.tenancy.upgrading.quarantine import clear_quarantine
from app.tenancy.upgrading.scripts import check_target, own_scripts

MIGRATE_HOSPITAL = "hospital.migrate"
TRIES = 5
PAUSE_SECONDS = 0.5


def request_migration(actor: Actor, hospital: Hospital, to: str = "", *, wake: bool = True) -> Operation:
    """Ask for a hospital to be brought to a revision; raises UnknownRevision, NoWayDown or NotMigratable."""
    to = check_target(to or head_revision("hospital"))
    if hospital.status not in MIGRATED or hospital.database is None:
        raise NotMigratable
    if hospital.schema_revision is not None:
        own_scripts().steps(hospital.schema_revision, to)
    return request_operation(actor, MIGRATE_HOSPITAL, hospital=hospital, arguments={"to": to}, wake=wake)


@operation(
    MIGRATE_HOSPITAL,
    title=_l("Bring a hospital to another revision"),
    takes_hospital=True,
    steps={"migrate": _l("Run the migrations in its database")},
    quick=True,
)
def migrate_hospital(work: Work) -> dict[str, Any]:
    """Migrate one hospital; where it fails the hospital is as before."""
    return work.step("migrate", lambda: _migrate(work))


def target_of(hospital: Hospital, revision: str) -> Target:
    """Return where a hospital, loaded with its database, is migrated to which revision; raises NotMigratable."""
    if hospital.database is None:
        raise NotMigratable
    cluster = administer(hospital.database.cluster)
    return Target(hospital.id, hospital.code, cluster, hospital.database.database_name, revision)


def find_target(hospital_id: UUID, revision: str) -> Target:
    """Return the same for a hospital's id."""
    with unit_of_work() as session:
        query = sa.select(Hospital).where(Hospital.id == hospital_id).options(joinedload(Hospital.database))
        return target_of(session.scalars(query.execution_options(populate_existing=True)).one(), revision)


def _migrate(work: Work) -> dict[str, Any]:
    target = find_target(work.hospital, work.arguments["to"])
    with connected(target, Limits(), db.engine.dialect) as connection:
        before = read_revision(connection, target)
    own_scripts().steps(before, target.revision)  # refused before there is a row of it
    runs.write_plan(db.engine, work.id, [Planned(work.hospital, work.code, before, 0)], target.revision)
    runs.note(db.engine, work.id, [work.hospital])
    outcome = _try_again_and_again(work, target)
    down = number_of(target.revision) < number_of(before)
    _note(work, outcome, MigrationState.ROLLED_BACK if down else MigrationState.SUCCEEDED)
    return {"from": before, "to": target.revision, "milliseconds": outcome.milliseconds}


def _try_again_and_again(work: Work, target: Target) -> Outcome:
    """Try until people's transactions let it through, and give way to them in between."""
    for number in range(TRIES):
        outcome = try_migration(target, Limits(), db.engine.dialect)
        if outcome.verdict is not Verdict.BLOCKED or number == TRIES - 1:
            break
        time.sleep(PAUSE_SECONDS * 2**number)
        work.progress(0, None, outcome.error)
    return outcome


def _note(work: Work, outcome: Outcome, state: MigrationState) -> None:
    done = outcome.verdict is Verdict.DONE
    runs.note(db.engine, work.id, ended={work.hospital: (outcome, state if done else MigrationState.FAILED)})
    tenancy().registry.forget()
    if not done:
        raise MigrationFailed(work.code, outcome.error or outcome.verdict.value)
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, work.hospital, populate_existing=True)
        if hospital.quarantined_at is not None and state is MigrationState.SUCCEEDED:
            clear_quarantine(work.actor, hospital)
