"""Performing long work: claimed by one runner, step by step into the ledger, resumed where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import VienError
from app.core.ids import new_id
from app.core.logging import get_logger
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import LeaseLost, OperationCancelled, OperationTaken, UnknownOperation
from app.tenancy.ledger.kinds import OperationKind, kind_named
from app.tenancy.ledger.leases import Heartbeat, claim_operation, give_back, new_runner, take_hospitals
from app.tenancy.models import Hospital, Operation, OperationState, OperationStep, StepState

log = get_logger(__name__)

PROGRESS_EVERY = 0.5
LONGEST_ERROR = 500

Listener = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a listener hears: the step, and how much of it is done where that is known."""

    step: str | None
    done: int = 0
    total: int | None = None
    note: str | None = None


class Work:
    """One operation while it is performed: what was asked for, and the pen for the ledger."""

    def __init__(self, row: Any, code: str | None, runner: str, listener: Listener | None) -> None:
        self.id: UUID = row.id
        self.kind: str = row.kind
        self.hospital_id: UUID | None = row.hospital_id
        self.arguments: dict[str, Any] = row.arguments
        self.runner = runner
        self.actor = Actor(ActorKind(row.requested_by_kind), row.requested_by, row.requested_by_name)
        self._code = code
        self._listener = listener
        self._step: str | None = None
        self._noted = 0.0

    @property
    def code(self) -> str:
        """Return the code of the hospital that this is about."""
        if self._code is None:
            raise RuntimeError(f"{self.kind} is about no hospital")
        return self._code

    @property
    def hospital(self) -> UUID:
        """Return the id of the hospital that this is about."""
        if self.hospital_id is None:
            raise RuntimeError(f"{self.kind} is about no hospital")
        return self.hospital_id

    def step(self, name: str, do: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """Do one step unless the ledger says that it is done; return its details, from the first time where skipped.

        A step that was begun and not finished is done again, so it must be harmless twice.
        """
        known = self._find_step(name)
        if known is not None and known.state == StepState.DONE:
            return dict(known.details)
        self.check()
        self._step = name
        self._note(name, StepState.RUNNING)
        self._tell(Progress(name))
        try:
            details = do() or {}
        except OperationCancelled:
            self._note(name, StepState.FAILED, error="cancelled")
            raise
        except Exception as error:
            self._note(name, StepState.FAILED, error=first_line(error))
            raise
        self._note(name, StepState.DONE, details=details)
        return details

    def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Say how far the present step is; written twice a second at most. A safe point: raises like `check`."""
        self._tell(Progress(self._step, done, total, note))
        now = time.monotonic()
        if now - self._noted < PROGRESS_EVERY and done != total:
            return
        self._noted = now
        self._write({"done": done, "total": total, "note": note})

    def check(self) -> None:
        """Stop here if somebody asked for it (OperationCancelled) or if another runner has taken over (LeaseLost)."""
        self._write({})

    def _write(self, values: dict[str, Any]) -> None:
        kept = (
            sa.update(Operation)
            .where(Operation.id == self.id, Operation.runner == self.runner)
            .values(heartbeat_at=sa.func.now(), **values)
            .returning(Operation.cancel_requested_at)
        )
        with db.engine.begin() as connection:
            _without_waiting_for_the_disk(connection)
            row = connection.execute(kept).one_or_none()
        if row is None:
            raise LeaseLost(self.kind)
        if row.cancel_requested_at is not None:
            raise OperationCancelled

    def _tell(self, progress: Progress) -> None:
        if self._listener is not None:
            self._listener(progress)

    def _find_step(self, name: str) -> Any:
        query = sa.select(OperationStep.state, OperationStep.details).where(
            OperationStep.operation_id == self.id, OperationStep.step == name
        )
        with db.engine.connect() as connection:
            return connection.execute(query).one_or_none()

    def _note(
        self, name: str, state: StepState, *, error: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        ended = None if state is StepState.RUNNING else sa.func.clock_timestamp()
        row = insert(OperationStep).values(
            id=new_id(),
            operation_id=self.id,
            step=name,
            state=state,
            started_at=sa.func.clock_timestamp(),
            finished_at=ended,
            error=error,
            details=details or {},
        )
        changed: dict[str, Any] = {"state": state, "finished_at": ended, "error": error, "details": details or {}}
        if state is StepState.RUNNING:
            changed["started_at"] = sa.func.clock_timestamp()
        with db.engine.begin() as connection:
            _without_waiting_for_the_disk(connection)
            connection.execute(row.on_conflict_do_update(index_elements=["operation_id", "step"], set_=changed))
        log.info("operation step", operation=self.kind, hospital=self._code, step=name, state=state.value, error=error)


def perform(operation_id: UUID, listener: Listener | None = None) -> dict[str, Any]:
    """Perform an operation that waits, or go on where an earlier runner stopped; return what came of it.

    Raises OperationTaken where somebody else does, HospitalBusy where something else is done to its hospital (the
    operation then goes on waiting), OperationCancelled, or what the work raised, after writing it down.
    """
    runner = new_runner()
    row, code = _read(operation_id)
    kind = kind_named(row.kind)
    if not claim_operation(operation_id, runner):
        raise OperationTaken
    alone = [row.hospital_id] if row.hospital_id is not None and not kind.shares_hospital else []
    if len(take_hospitals(alone, runner, row.kind)) < len(alone):
        _end(operation_id, runner, OperationState.QUEUED)
        raise HospitalBusy
    try:
        with Heartbeat(runner):
            return _run(kind, Work(row, code, runner, listener))
    finally:
        give_back(runner)


def _run(kind: OperationKind, work: Work) -> dict[str, Any]:
    try:
        result = kind.run(work) or {}
    except OperationCancelled:
        _end(work.id, work.runner, OperationState.CANCELLED)
        raise
    except LeaseLost:
        log.error("operation was taken over by another runner", operation=work.kind, operation_id=str(work.id))
        raise OperationTaken from None
    except Exception as error:
        remedy = str(error.remedy) if isinstance(error, VienError) and error.remedy else None
        _end(work.id, work.runner, OperationState.FAILED, error=first_line(error), remedy=remedy)
        raise
    except KeyboardInterrupt:
        _end(work.id, work.runner, OperationState.FAILED, error="interrupted", remedy="Retry to go on from there.")
        raise
    except BaseException:  # the process is told to end: whoever comes next goes on from here
        _end(work.id, work.runner, OperationState.QUEUED)
        raise
    _end(work.id, work.runner, OperationState.SUCCEEDED, result=result)
    return result


def _end(operation_id: UUID, runner: str, state: OperationState, **values: Any) -> None:
    ended = None if state is OperationState.QUEUED else sa.func.clock_timestamp()
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(Operation)
            .where(Operation.id == operation_id, Operation.runner == runner)
            .values(state=state, runner=None, finished_at=ended, **values)
        )


def _read(operation_id: UUID) -> tuple[Any, str | None]:
    query = (
        sa.select(
            Operation.id,
            Operation.kind,
            Operation.hospital_id,
            Operation.arguments,
            Operation.requested_by,
            Operation.requested_by_kind,
            Operation.requested_by_name,
            Hospital.code,
        )
        .outerjoin(Hospital, Hospital.id == Operation.hospital_id)
        .where(Operation.id == operation_id)
    )
    with db.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownOperation
    return row, row.code


def _without_waiting_for_the_disk(connection: sa.Connection) -> None:
    """A note that a power cut takes away is a step done twice, which every step allows."""
    connection.execute(sa.text("SET LOCAL synchronous_commit = off"))


def first_line(error: Exception) -> str:
    """Name an error for operators; further lines may quote the statement, and with it a password."""
    text = str(error) if isinstance(error, VienError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [type(error).__name__])[0][:LONGEST_ERROR]
