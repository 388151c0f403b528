"""The ledger of migrations: a row for every hospital in every run, and what the register says of revisions.

Rows are written for many hospitals at once and do not wait for the disk: what a power cut takes away is looked up in
the hospital's own database by the next try, which finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.core.ids import new_id
from app.tenancy.ledger.pen import WITHOUT_WAITING_FOR_THE_DISK
from app.tenancy.models import DatabaseCluster, Hospital, HospitalDatabase, HospitalStatus, MigrationRun, MigrationState
from app.tenancy.upgrading.applying import Outcome
from app.tenancy.upgrading.planning import MIGRATED, Planned

FAILED = (MigrationState.FAILED, MigrationState.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Open:
    """A hospital of a wave that is still to be done."""

    hospital_id: UUID
    code: str
    database: str
    status: HospitalStatus
    cluster_id: UUID
    admin_credential: str


def write_plan(engine: sa.Engine, operation_id: UUID, planned: Sequence[Planned], to: str) -> None:
    """Write down who is to be migrated; a second time nothing."""
    with engine.begin() as connection:
        known = sa.select(sa.func.count()).where(MigrationRun.operation_id == operation_id)
        if not planned or connection.scalar(known):
            return
        rows = [
            {
                "id": new_id(),
                "operation_id": operation_id,
                "hospital_id": one.hospital_id,
                "wave": one.wave,
                "from_revision": one.revision,
                "to_revision": to,
                "state": MigrationState.WAITING,
            }
            for one in planned
        ]
        connection.execute(sa.insert(MigrationRun), rows)


def reopen(engine: sa.Engine, operation_id: UUID) -> None:
    """Have done again what a dead runner left under way, what failed for now, and what is out of quarantine."""
    free = sa.exists().where(Hospital.id == MigrationRun.hospital_id, Hospital.quarantined_at.is_(None))
    left = sa.or_(
        MigrationRun.state.in_((MigrationState.RUNNING, MigrationState.FAILED)),
        sa.and_(MigrationRun.state == MigrationState.QUARANTINED, free),
    )
    with engine.begin() as connection:
        connection.execute(
            sa.update(MigrationRun)
            .where(MigrationRun.operation_id == operation_id, left)
            .values(state=MigrationState.WAITING, error=None, finished_at=None)
        )


def list_open(engine: sa.Engine, operation_id: UUID, wave: int, among: Iterable[UUID] | None = None) -> list[Open]:
    """Return who of a wave, or of some of it, is to be done and still may be."""
    query = (
        sa.select(
            Hospital.id,
            Hospital.code,
            HospitalDatabase.database_name,
            Hospital.status,
            DatabaseCluster.id,
            DatabaseCluster.admin_credential,
        )
        .join(MigrationRun, MigrationRun.hospital_id == Hospital.id)
        .join(HospitalDatabase, HospitalDatabase.hospital_id == Hospital.id)
        .join(DatabaseCluster, DatabaseCluster.id == HospitalDatabase.cluster_id)
        .where(
            MigrationRun.operation_id == operation_id,
            MigrationRun.wave == wave,
            MigrationRun.state == MigrationState.WAITING,
            Hospital.status.in_(MIGRATED),
            Hospital.quarantined_at.is_(None),
        )
        .order_by(MigrationRun.id)
    )
    if among is not None:
        query = query.where(Hospital.id.in_(list(among)))
    with engine.connect() as connection:
        return [Open(*row) for row in connection.execute(query)]


def list_waves(engine: sa.Engine, operation_id: UUID) -> list[int]:
    """Return the numbers of the waves that have somebody left."""
    query = sa.select(MigrationRun.wave).where(
        MigrationRun.operation_id == operation_id, MigrationRun.state == MigrationState.WAITING
    )
    with engine.connect() as connection:
        return list(connection.scalars(query.distinct().order_by(MigrationRun.wave)))


def count_by_state(engine: sa.Engine, operation_id: UUID) -> dict[MigrationState, int]:
    """Return how many hospitals of a run are in which state."""
    query = (
        sa.select(MigrationRun.state, sa.func.count())
        .where(MigrationRun.operation_id == operation_id)
        .group_by(MigrationRun.state)
    )
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def name_failed(engine: sa.Engine, operation_id: UUID, limit: int = 5) -> str:
    """Name the first hospitals that failed in a run, with the reasons."""
    query = (
        sa.select(Hospital.code, MigrationRun.error)
        .join(MigrationRun, MigrationRun.hospital_id == Hospital.id)
        .where(MigrationRun.operation_id == operation_id, MigrationRun.state.in_(FAILED))
        .order_by(MigrationRun.wave, Hospital.code)
        .limit(limit + 1)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return "; ".join(f"{row.code}: {row.error}" for row in rows[:limit]) + (" …" if len(rows) > limit else "")


def note(
    engine: sa.Engine,
    operation_id: UUID,
    begun: Iterable[UUID] = (),
    ended: Mapping[UUID, tuple[Outcome, MigrationState]] | None = None,
) -> None:
    """Write down who was begun and how others ended, and at which revision they are now."""
    begun, ended = list(begun), ended or {}
    if not begun and not ended:
        return
    with engine.begin() as connection:
        connection.execute(WITHOUT_WAITING_FOR_THE_DISK)
        ours = MigrationRun.operation_id == operation_id
        if begun:
            connection.execute(
                sa.update(MigrationRun)
                .where(ours, MigrationRun.hospital_id.in_(begun))
                .values(
                    state=MigrationState.RUNNING,
                    attempts=MigrationRun.attempts + 1,
                    started_at=sa.func.coalesce(MigrationRun.started_at, sa.func.clock_timestamp()),
                )
            )
        if ended:
            hospital: sa.BindParameter[UUID] = sa.bindparam("hospital", type_=sa.Uuid())
            connection.execute(
                sa.update(MigrationRun)
                .where(ours, MigrationRun.hospital_id == hospital)
                .values(
                    state=sa.bindparam("to_state", type_=MigrationRun.state.type),
                    error=sa.bindparam("reason"),
                    from_revision=sa.func.coalesce(
                        sa.bindparam("began_at", type_=sa.Text()), MigrationRun.from_revision
                    ),
                    duration_ms=sa.bindparam("milliseconds"),
                    finished_at=sa.func.clock_timestamp(),
                ),
                [
                    {
                        "hospital": hospital_id,
                        "to_state": state,
                        "reason": outcome.error,
                        "began_at": outcome.began_at,
                        "milliseconds": outcome.milliseconds,
                    }
                    for hospital_id, (outcome, state) in ended.items()
                ],
            )
            set_revisions(connection, {one: found.ended_at for one, (found, _) in ended.items() if found.ended_at})


def set_revisions(connection: sa.Connection, revisions: Mapping[UUID, str]) -> int:
    """Say in the register at which revision hospitals are; return for how many that was news."""
    if not revisions:
        return 0
    said = sa.values(sa.column("hospital_id", sa.Uuid()), sa.column("revision", sa.Text()), name="said").data(
        [(one, revision) for one, revision in revisions.items()]
    )
    changed = (
        sa.update(Hospital)
        .where(Hospital.id == said.c.hospital_id, Hospital.schema_revision.is_distinct_from(said.c.revision))
        .values(schema_revision=said.c.revision, updated_at=Hospital.updated_at)
    )
    return int(connection.execute(changed).rowcount)


def note_trouble(engine: sa.Engine, operation_id: UUID, hospital_id: UUID, why: str) -> None:
    """Write down that a hospital could not be served after its migration."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(MigrationRun)
            .where(MigrationRun.operation_id == operation_id, MigrationRun.hospital_id == hospital_id)
            .values(state=MigrationState.QUARANTINED, error=why)
        )
