"""Performing long work: claimed by one runner, step by step into the ledger, resumed where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import VienError
from app.core.logging import get_logger
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import LeaseLost, OperationCancelled, OperationTaken, UnknownOperation
from app.tenancy.ledger.kinds import OperationKind, kind_named
from app.tenancy.ledger.leases import Heartbeat, claim_operation, give_back, new_runner, take_hospitals
from app.tenancy.ledger.pen import Pen
from app.tenancy.models import Hospital, Operation, OperationState

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
        self._pen = Pen(self.id, runner)
        self._known = self._pen.read_steps()
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

        A step that was begun and not finished is done again, and so may be the last one that was finished when the
        process died: every step must be harmless twice.
        """
        if name in self._known:
            return self._known[name]
        self._step = name
        self._pen.begin(name)
        self._tell(Progress(name))
        try:
            details = do() or {}
        except Exception as error:
            reason = "cancelled" if isinstance(error, OperationCancelled) else first_line(error)
            self._pen.fail(name, reason)
            log.warning("operation step failed", operation=self.kind, hospital=self._code, step=name, error=reason)
            raise
        self._pen.finish(name, details)
        self._known[name] = details
        log.info("operation step done", operation=self.kind, hospital=self._code, step=name)
        return details

    def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Say how far the present step is; written twice a second at most. A safe point: raises like `check`."""
        self._tell(Progress(self._step, done, total, note))
        now = time.monotonic()
        if now - self._noted < PROGRESS_EVERY and done != total:
            return
        self._noted = now
        self._pen.write(done=done, total=total, note=note)

    def check(self) -> None:
        """Stop here if somebody asked for it (OperationCancelled) or if another runner has taken over (LeaseLost)."""
        self._pen.write()

    def forget(self, *names: str) -> None:
        """Have steps done again at the next try, because what they made was taken back."""
        self._pen.forget(names)
        for name in names:
            self._known.pop(name, None)

    def end(self, state: OperationState, **values: Any) -> bool:
        """Write down how it ended; False where another runner has taken it over."""
        return self._pen.end(state, **values)

    def _tell(self, progress: Progress) -> None:
        if self._listener is not None:
            self._listener(progress)


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
        Pen(operation_id, runner).end(OperationState.QUEUED, attempts=Operation.attempts - 1)  # it was no try
        raise HospitalBusy
    try:
        with Heartbeat(runner):
            return _run(kind, Work(row, code, runner, listener))
    finally:
        give_back(runner)


def _run(kind: OperationKind, work: Work) -> dict[str, Any]:
    try:
        work.check()  # whoever cancelled before it began finds nothing begun
        result = kind.run(work) or {}
    except OperationCancelled:
        work.end(OperationState.CANCELLED)
        raise
    except LeaseLost:
        log.error("operation was taken over by another runner", operation=work.kind, operation_id=str(work.id))
        raise OperationTaken from None
    except Exception as error:
        remedy = str(error.remedy) if isinstance(error, VienError) and error.remedy else None
        work.end(OperationState.FAILED, error=first_line(error), remedy=remedy)
        raise
    except KeyboardInterrupt:
        work.end(OperationState.FAILED, error="interrupted", remedy="Retry to go on from there.")
        raise
    except BaseException:  # the process is told to end: whoever comes next goes on from here
        work.end(OperationState.QUEUED)
        raise
    if not work.end(OperationState.SUCCEEDED, result=result):
        raise OperationTaken
    return result


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


def first_line(error: Exception) -> str:
    """Name an error for operators; further lines may quote the statement, and with it a password."""
    text = str(error) if isinstance(error, VienError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [type(error).__name__])[0][:LONGEST_ERROR]
