"""The process that asks for periodic work: RQ's own cron scheduler, with our signed jobs and a lease.

RQ's cron pickles its jobs and doubles them when two schedulers run. Here a job is enqueued as every other one is, and
only the holder of the lease enqueues. Without Redis, or without the central database, it waits and tries again.
"""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import cron
from rq.cron import CronJob, CronScheduler
from rq.exceptions import SchedulerNotFound

from app.core.logging import get_logger
from app.core.queue import PERFORM, enqueue, redis_connection
from app.core.queue_state import note_asked
from app.jobs.lease import Lease
from app.jobs.rounds import WAKE
from app.jobs.schedule import list_periods

log = get_logger(__name__)

LEASE = "scheduler"
STANDBY_SECONDS = 2.0
LONGEST_SLEEP = 5.0
LONGEST_PAUSE = 5.0


class QueueAway(Exception):
    """Redis did not take a job; it stays due."""


class SignedCronJob(CronJob):
    """A periodic job that is put on its queue as a signed envelope."""

    def __init__(self, job: str, seconds: int, args: dict[str, Any]) -> None:
        super().__init__(queue_name="", func_name=PERFORM, interval=seconds, name=f"{job} every {seconds} s")
        self._job = job
        self._job_args = args

    def should_run(self) -> bool:
        """Tell whether it is due; also when the clock was moved back before the last time, which may be long ago."""
        before = self.latest_enqueue_time
        moved = before is not None and cron.now() < before  # type: ignore[attr-defined]
        return moved or bool(super().should_run())

    def enqueue(self, connection: Redis) -> Any:
        """Ask for the work; raises QueueAway."""
        if not enqueue(self._job, **self._job_args):
            raise QueueAway
        note_asked(f"{self._job} {self._job_args['seconds']}" if self._job == WAKE else self._job)


class Scheduler(CronScheduler):
    """RQ's scheduler over our schedule; several may run, one of them works."""

    def __init__(self) -> None:
        super().__init__(redis_connection(), logging_level=logging.WARNING)
        self.log.setLevel(logging.WARNING)
        self._cron_jobs = [*cron_jobs()]
        self._lease = Lease(LEASE)
        self._pause = 1.0

    def start(self) -> None:
        """Schedule until SIGTERM or SIGINT, which let the present tick end: nothing is broken off in its middle."""
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stopped.set())
        try:
            while not stopped.is_set():
                stopped.wait(self.tick())
            log.info("scheduler stops")
        finally:
            self._lease.release()
            with suppress(RedisError, SchedulerNotFound):  # it may have stopped before it was registered
                self.register_death()

    def tick(self) -> float:
        """Ask for what is due, if the lease is ours; return for how many seconds there is nothing to do."""
        was_held = self._lease.is_held
        if not self._lease.hold():
            return STANDBY_SECONDS
        try:
            if not was_held:
                log.info("scheduler at work", jobs=len(self._cron_jobs))
                self.register_birth()
            self.enqueue_jobs()
            self.heartbeat()
        except (RedisError, QueueAway) as error:
            pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
            log.warning("queue away, the scheduler waits", error=type(error).__name__, seconds=pause)
            return pause
        self._pause = 1.0
        return float(min(self.calculate_sleep_interval(), LONGEST_SLEEP))


def cron_jobs() -> list[SignedCronJob]:
    """Return the schedule as RQ's cron jobs: each of the platform's, and one round per period of the hospitals'."""
    periods = list_periods()
    rounds = sorted({period.seconds for period in periods if period.for_hospital})
    return [
        *(SignedCronJob(period.job, period.seconds, {}) for period in periods if not period.for_hospital),
        *(SignedCronJob(WAKE, seconds, {"seconds": seconds}) for seconds in rounds),
    ]


def run_scheduler() -> None:
    """Run the scheduler in this process."""
    Scheduler().start()
