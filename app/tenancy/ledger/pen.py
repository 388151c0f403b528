"""The pen with which whoever performs an operation writes into the ledger, and nobody else can.

That a step is finished is written together with what comes after it. Notes do not wait for the disk: one that a power
cut takes away is a step done twice, which every step allows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.db import db
from app.core.ids import new_id
from app.core.live import publish
from app.tenancy.ledger.errors import LeaseLost, OperationCancelled
from app.tenancy.models import Operation, OperationState, OperationStep, StepState

WITHOUT_WAITING_FOR_THE_DISK = sa.text("SET LOCAL synchronous_commit = off")
NOW = sa.func.clock_timestamp()
TAKEN_BACK = "taken back"
TELL_EVERY_SECONDS = 0.5
BEGIN_STEP = sa.text("""
WITH held AS (
    UPDATE operations SET heartbeat_at = now(), done = 0, total = NULL, note = NULL
    WHERE id = :operation AND runner = :runner RETURNING cancel_requested_at
), finished AS (
    INSERT INTO operation_steps (id, operation_id, step, state, started_at, finished_at, details)
    SELECT :finished_id, :operation, CAST(:finished AS text), 'done', clock_timestamp(), clock_timestamp(),
        CAST(:details AS jsonb)
    FROM held WHERE CAST(:finished AS text) IS NOT NULL
    ON CONFLICT (operation_id, step) DO UPDATE
        SET state = 'done', finished_at = clock_timestamp(), error = NULL, details = EXCLUDED.details
), begun AS (
    INSERT INTO operation_steps (id, operation_id, step, state, started_at)
    SELECT :begun_id, :operation, :begun, 'running', clock_timestamp() FROM held WHERE cancel_requested_at IS NULL
    ON CONFLICT (operation_id, step) DO UPDATE
        SET state = 'running', started_at = clock_timestamp(), finished_at = NULL, error = NULL
)
SELECT cancel_requested_at, set_config('synchronous_commit', 'off', true) FROM held
""").bindparams(
    sa.bindparam("operation", type_=sa.Uuid),
    sa.bindparam("finished_id", type_=sa.Uuid),
    sa.bindparam("begun_id", type_=sa.Uuid),
)


def forget_steps(connection: sa.Connection, operation_id: UUID, steps: Sequence[str]) -> None:
    """Have the next try do steps again; what they remember stays in their rows until then."""
    connection.execute(
        sa.update(OperationStep)
        .where(
            OperationStep.operation_id == operation_id,
            OperationStep.step.in_(steps),
            OperationStep.state == StepState.DONE,
        )
        .values(state=StepState.FAILED, error=TAKEN_BACK)
    )


class Pen:
    """Writes for one runner of one operation."""

    def __init__(self, operation_id: UUID, runner: str) -> None:
        self._id = operation_id
        self._runner = runner
        self._finished: tuple[str, dict[str, Any]] | None = None
        self._told_at = float("-inf")

    def read_steps(self) -> dict[str, dict[str, Any]]:
        """Return the details of the steps that are done."""
        query = sa.select(OperationStep.step, OperationStep.details).where(
            OperationStep.operation_id == self._id, OperationStep.state == StepState.DONE
        )
        with db.engine.connect() as connection:
            return {row.step: dict(row.details) for row in connection.execute(query)}

    def begin(self, step: str) -> None:
        """Note that a step begins, in one statement with the end of the last one; raises like `write`."""
        finished, details = self._finished or (None, {})
        facts = {
            "operation": self._id,
            "runner": self._runner,
            "finished": finished,
            "details": json.dumps(details),
            "begun": step,
            "finished_id": new_id(),
            "begun_id": new_id(),
        }
        with db.engine.begin() as connection:
            row = connection.execute(BEGIN_STEP, facts).one_or_none()
        if row is None:
            raise LeaseLost
        self._finished = None
        self._tell()
        if row.cancel_requested_at is not None:
            raise OperationCancelled

    def finish(self, step: str, details: dict[str, Any]) -> None:
        """Remember that a step is done; it is written with the next note."""
        self._finished = (step, details)

    def fail(self, step: str, error: str) -> None:
        """Note that a step failed; raises LeaseLost, because another runner may have done it meanwhile."""
        with self._writing() as connection:
            self._keep_hold(connection, {}, stops=False)
            self._upsert(connection, step, StepState.FAILED, error=error)

    def forget(self, steps: Sequence[str]) -> None:
        """Note that what steps have made was taken back, so that they are not skipped."""
        with self._writing() as connection:
            self._keep_hold(connection, {}, stops=False)
            forget_steps(connection, self._id, steps)

    def write(self, **values: Any) -> None:
        """Note how far it is; raises LeaseLost where another runner has taken over, OperationCancelled where asked."""
        with self._writing() as connection:
            self._keep_hold(connection, values)

    def end(self, state: OperationState, **values: Any) -> bool:
        """Write how it ended and let go of it; nothing, and False, where another runner has it."""
        ended = None if state is OperationState.QUEUED else NOW
        with db.engine.begin() as connection:
            written = connection.execute(
                sa.update(Operation)
                .where(Operation.id == self._id, Operation.runner == self._runner)
                .values(state=state, runner=None, finished_at=ended, **values)
            )
            if written.rowcount:
                self._write_finished(connection)
        self._tell()
        return bool(written.rowcount)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with db.engine.begin() as connection:
            connection.execute(WITHOUT_WAITING_FOR_THE_DISK)
            self._write_finished(connection)
            yield connection
        self._tell(seldom=True)

    def _tell(self, *, seldom: bool = False) -> None:
        """Tell the pages that follow the operation; of many notes some, since each page reads the present state."""
        now = time.monotonic()
        if seldom and now - self._told_at < TELL_EVERY_SECONDS:
            return
        self._told_at = now
        publish("operations", hospital=None, key=self._id)

    def _keep_hold(self, connection: sa.Connection, values: dict[str, Any], *, stops: bool = True) -> None:
        kept = (
            sa.update(Operation)
            .where(Operation.id == self._id, Operation.runner == self._runner)
            .values(heartbeat_at=sa.func.now(), **values)
            .returning(Operation.cancel_requested_at)
        )
        row = connection.execute(kept).one_or_none()
        if row is None:
            raise LeaseLost
        if stops and row.cancel_requested_at is not None:
            connection.commit()  # what is done is done
            raise OperationCancelled

    def _write_finished(self, connection: sa.Connection) -> None:
        if self._finished is not None:
            (step, details), self._finished = self._finished, None
            self._upsert(connection, step, StepState.DONE, details=details)

    def _upsert(
        self,
        connection: sa.Connection,
        step: str,
        state: StepState,
        *,
        error: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        ended = None if state is StepState.RUNNING else NOW
        changed: dict[str, Any] = {"state": state, "finished_at": ended, "error": error, "details": details or {}}
        if state is StepState.RUNNING:
            changed["started_at"] = NOW
        row = insert(OperationStep).values(
            {"id": new_id(), "operation_id": self._id, "step": step, "started_at": NOW, **changed}
        )
        connection.execute(row.on_conflict_do_update(index_elements=["operation_id", "step"], set_=changed))
