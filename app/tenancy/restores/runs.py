"""The rows of restores and drills: one per operation, opened again when it is taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import Work, first_line
from app.tenancy.models import Backup, RestoreRun, RestoreState
from app.tenancy.restores.errors import ManifestDiffers

RESTORE, DRILL, IMPORT = "restore", "drill", "import"


@dataclass(slots=True)
class Outcome:
    """What a run writes down at its end."""

    rows: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def noting(
    work: Work, kind: str, *, hospital_id: UUID, backup_id: UUID | None, database: str, proves: bool
) -> Iterator[Outcome]:
    """Keep the row of a run; a run that `proves` its backup and succeeds says so at the backup."""
    run_id = _open(work.id, kind, hospital_id, backup_id, database)
    outcome = Outcome()
    try:
        yield outcome
    except Exception as error:
        mismatches = error.mismatches if isinstance(error, ManifestDiffers) else {}
        _close(run_id, RestoreState.FAILED, error=first_line(error), mismatches=mismatches)
        raise
    _close(run_id, RestoreState.SUCCEEDED, rows=outcome.rows)
    if proves and backup_id is not None:
        with unit_of_work() as session:
            session.execute(sa.update(Backup).where(Backup.id == backup_id).values(proven_at=clock.now()))


def _open(operation_id: UUID, kind: str, hospital_id: UUID, backup_id: UUID | None, database: str) -> UUID:
    with unit_of_work() as session:
        run = session.scalar(sa.select(RestoreRun).where(RestoreRun.operation_id == operation_id))
        if run is None:
            run = RestoreRun(hospital_id=hospital_id, operation_id=operation_id, kind=kind)
            session.add(run)
        run.backup_id, run.database_name = backup_id, database
        run.state, run.error, run.mismatches, run.finished_at = RestoreState.RUNNING, None, {}, None
        session.flush()
        return run.id


def _close(run_id: UUID, state: RestoreState, **facts: Any) -> None:
    with unit_of_work() as session:
        session.execute(
            sa.update(RestoreRun).where(RestoreRun.id == run_id).values(state=state, finished_at=clock.now(), **facts)
        )
