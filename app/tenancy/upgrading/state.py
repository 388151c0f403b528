"""How the fleet stands: which revisions there are, who is behind, who is in quarantine; from the register alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital, HospitalDatabase, MigrationRun, MigrationState, Operation
from app.tenancy.paging import Page
from app.tenancy.revisions import is_at_least
from app.tenancy.schema import head_revision
from app.tenancy.upgrading import runs
from app.tenancy.upgrading.applying import Limits, Target, connected, explain, read_revision
from app.tenancy.upgrading.planning import MIGRATED
from app.tenancy.upgrading.single import target_of

PER_PAGE = 50
MOST_NAMED = 20
WORST_FIRST = (
    MigrationState.QUARANTINED,
    MigrationState.FAILED,
    MigrationState.RUNNING,
    MigrationState.WAITING,
    MigrationState.ROLLED_BACK,
    MigrationState.SUCCEEDED,
)


@dataclass(frozen=True, slots=True)
class FleetState:
    """How many hospitals are at which revision (None: not read yet), who is behind, who is in quarantine and why."""

    newest: str
    revisions: dict[str | None, int]
    behind: tuple[str, ...]
    quarantined: dict[str, str]

    @property
    def hospitals(self) -> int:
        return sum(self.revisions.values())

    def is_behind(self, revision: str | None) -> bool:
        """Tell whether hospitals at a revision are to be upgraded."""
        return revision is None or not is_at_least(revision, self.newest)


def fleet_state() -> FleetState:
    """Return how the fleet stands, with one query."""
    newest = head_revision("hospital")
    code = sa.func.array_agg(sa.func.json_build_array(Hospital.code, Hospital.quarantine_reason))
    behind = Hospital.schema_revision.is_distinct_from(newest)
    query = (
        sa.select(
            Hospital.schema_revision,
            sa.func.count(),
            sa.func.array_agg(Hospital.code).filter(behind),
            code.filter(Hospital.quarantined_at.is_not(None)),
        )
        .join(HospitalDatabase, HospitalDatabase.hospital_id == Hospital.id)
        .where(Hospital.status.in_(MIGRATED))
        .group_by(Hospital.schema_revision)
        .order_by(Hospital.schema_revision.nulls_first())
    )
    rows = db.session.execute(query).all()
    late = [name for row in rows if row[0] is None or not is_at_least(row[0], newest) for name in row[2] or ()]
    return FleetState(
        newest,
        {row[0]: row[1] for row in rows},
        tuple(sorted(late)),
        {name: reason or "" for row in rows for name, reason in row[3] or ()},
    )


def verify_revisions(parallel: int = 4) -> tuple[dict[str, tuple[str | None, str]], dict[str, str]]:
    """Ask every database at which revision it is and correct the register; return what was wrong, and who was away."""
    with unit_of_work() as session:
        query = sa.select(Hospital).where(Hospital.status.in_(MIGRATED), Hospital.database.has())
        hospitals = session.scalars(query.options(joinedload(Hospital.database)).order_by(Hospital.code)).all()
        noted = [(target_of(one, ""), one.schema_revision) for one in hospitals]
    dialect = db.engine.dialect

    def ask(target: Target) -> tuple[str | None, str]:
        try:
            with connected(target, Limits(), dialect) as connection:
                return read_revision(connection, target), ""
        except Exception as error:
            return None, explain(error)

    with ThreadPoolExecutor(parallel) as pool:
        found = list(pool.map(ask, [target for target, _ in noted]))
    wrong: dict[str, tuple[str | None, str]] = {}
    news: dict[UUID, str] = {}
    for (target, before), (revision, _) in zip(noted, found, strict=True):
        if revision is not None and revision != before:
            wrong[target.code], news[target.hospital_id] = (before, revision), revision
    with db.engine.begin() as connection:
        runs.set_revisions(connection, news)
    away = {target.code: why for (target, _), (revision, why) in zip(noted, found, strict=True) if revision is None}
    return wrong, away


def list_runs(operation_id: UUID, page: int = 1) -> Page[Any]:
    """Return a page of the hospitals of a run: what failed and what runs before the rest."""
    place = sa.case({state.value: number for number, state in enumerate(WORST_FIRST)}, value=MigrationRun.state)
    mine = MigrationRun.operation_id == operation_id
    total = db.session.scalar(sa.select(sa.func.count()).select_from(MigrationRun).where(mine)) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    query = _runs().where(mine).order_by(place, MigrationRun.wave, Hospital.code)
    rows = db.session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, PER_PAGE, total)


def list_runs_of(hospital_id: UUID, limit: int = 50) -> Sequence[Any]:
    """Return a hospital's migrations, the newest first."""
    newest = sa.func.coalesce(MigrationRun.started_at, Operation.requested_at).desc()
    return db.session.execute(
        _runs().where(MigrationRun.hospital_id == hospital_id).order_by(newest).limit(limit)
    ).all()


def count_waves(operation_id: UUID) -> dict[int, dict[str, int]]:
    """Return for each wave of a run how many hospitals are in which state."""
    query = (
        sa.select(MigrationRun.wave, MigrationRun.state, sa.func.count())
        .where(MigrationRun.operation_id == operation_id)
        .group_by(MigrationRun.wave, MigrationRun.state)
        .order_by(MigrationRun.wave)
    )
    waves: dict[int, dict[str, int]] = {}
    for wave, state, count in db.session.execute(query):
        waves.setdefault(wave, {})[state.value] = count
    return waves


def _runs() -> sa.Select[Any]:
    columns = [column for column in MigrationRun.__table__.columns if column.name not in ("id", "hospital_id")]
    return (
        sa.select(*columns, Hospital.code, Hospital.display_name, Hospital.quarantined_at)
        .join(Hospital, Hospital.id == MigrationRun.hospital_id)
        .join(Operation, Operation.id == MigrationRun.operation_id)
    )
