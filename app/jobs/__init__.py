"""What runs without a browser: the worker, the schedule, and the work they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flask import Flask

from app.jobs import (  # noqa: F401 (they register their jobs)
    audit,
    backups,
    credentials,
    ending,
    health,
    letters,
    live,
    longwork,
    moving,
    operations,
    partitions,
    presets,
    privacy,
    reminders,
    reports,
    restores,
    rounds,
    security,
    sessions,
    support,
    sync,
    waiting,
    weights,
)
from app.jobs.relay import run_relay
from app.jobs.schedule import Period, list_periods
from app.jobs.scheduler import run_scheduler
from app.jobs.worker import run_worker


class RunWorker(Protocol):
    def __call__(self, *, burst: bool = False, queues: Sequence[str] = ..., processes: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the command line starts; the entrances do not import each other."""

    run_worker: RunWorker
    run_scheduler: Callable[[], None]
    list_periods: Callable[[], Sequence[Period]]
    run_relay: Callable[[], None]


def init_jobs(app: Flask) -> None:
    """Give an application its registered jobs, and the command line its way to the processes."""
    app.extensions["jobs"] = Jobs(run_worker, run_scheduler, list_periods, run_relay)
