"""A hospital's making as a list of steps to look at: what is done, what runs, what failed, what waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.tenancy.models import Hospital, HospitalStatus, StepState
from app.tenancy.saga import STEPS

WORKER_EXPECTED = timedelta(seconds=20)
GIVEN_UP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step; state is waiting, running, done or failed."""

    name: str
    state: str
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the making is. Only while it moves is a page asked for again and again."""

    steps: tuple[ShownStep, ...]
    finished: bool
    last_moved_at: datetime

    @classmethod
    def of(cls, hospital: Hospital, rows: Iterable[Any]) -> Progress:
        """Lay the ledger's rows beside the steps that there are."""
        ledger = {row.step: row for row in rows}
        moments = [hospital.created_at, *(row.finished_at or row.started_at for row in ledger.values())]
        return cls(
            steps=tuple(_shown(name, ledger.get(name)) for name in STEPS),
            finished=hospital.status is not HospitalStatus.PROVISIONING,
            last_moved_at=max(moments),
        )

    @property
    def done(self) -> int:
        return sum(step.state == StepState.DONE for step in self.steps)

    @property
    def failed(self) -> ShownStep | None:
        return next((step for step in self.steps if step.state == StepState.FAILED), None)

    @property
    def waits_for_worker(self) -> bool:
        """Nothing has moved for longer than a worker takes to come."""
        return not self.finished and self.failed is None and clock.now() - self.last_moved_at > WORKER_EXPECTED

    @property
    def moving(self) -> bool:
        """Something may still happen soon; a page left open over night must not keep a session alive."""
        return not self.finished and self.failed is None and clock.now() - self.last_moved_at < GIVEN_UP


def _shown(name: str, row: Any) -> ShownStep:
    if row is None:
        return ShownStep(name, "waiting")
    return ShownStep(name, row.state.value, row.finished_at, row.error)
