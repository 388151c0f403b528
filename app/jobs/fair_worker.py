"""The worker's process: RQ's forking worker, which takes from fair queues and looks after what others left.

RQ forks a horse for each job, so that a job that hangs or dies takes nobody with it. What the parent has open must not
be shared with a horse: the parent closes its database connections before it forks, and a horse opens its own. A horse
dies with its parent, so that work which another inherits is not done beside it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from flask import current_app
from redis.exceptions import ConnectionError as RedisAway
from rq import Worker
from rq.exceptions import DeserializationError, NoSuchJobError, StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.utils import as_text, now
from rq.worker import WorkerStatus
from rq.worker_registration import clean_worker_registry

from app.core.db import db
from app.core.logging import get_logger
from app.core.queue import PERFORM
from app.core.queue_lanes import Lanes, Taken
from app.jobs.settling import FORGOTTEN, KILLED, ORPHANED, Ending, reason_of, record_refusal, settle
from app.tenancy.binding import tenancy

log = get_logger(__name__)

MOST_PATIENT = 3.0
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class HospitalWorker(Worker):
    """RQ's forking worker, which performs nothing but `perform`, and takes what is next in fair queues."""

    max_connection_wait_time = 5.0
    log_result_lifespan = False
    lanes: Lanes
    looks_every = MOST_PATIENT
    taken: Taken | None = None
    looked_at = float("-inf")

    @property
    def was_asked_to_stop(self) -> bool:
        """Tell whether a signal said stop."""
        return self._shutdown_requested_date is not None

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Take whose turn it is; wait for it, unless in a burst."""
        pause = 1.0
        while True:
            try:
                self.heartbeat()
                self.look_after_orphans()
                if (found := self._take()) is not None or timeout is None:
                    return found
                self.set_state(WorkerStatus.IDLE)
                self.lanes.wait(self.looks_every)
                pause = 1.0
            except RedisAway as error:
                log.warning("queue away, the worker tries again", error=type(error).__name__, seconds=pause)
                self._state = WorkerStatus.IDLE
                time.sleep(pause)
                pause = min(pause * self.exponential_backoff_factor, self.max_connection_wait_time)

    def _take(self) -> tuple[Job, Queue] | None:
        """Take a job; a signal that says stop waits until it is known whether there is one."""
        self._state = WorkerStatus.BUSY
        while (taken := self.lanes.take()) is not None:
            try:
                job = self.job_class.fetch(taken.job_id, connection=self.connection, serializer=self.serializer)
            except NoSuchJobError:
                settle(self.lanes, taken, Ending(None))
                continue
            except Exception:  # whatever stands there is none of ours
                self._refuse(taken)
                continue
            self.taken = taken
            return job, self.queue_class(taken.queue, connection=self.connection, serializer=self.serializer)
        self._state = WorkerStatus.IDLE
        if self._stop_requested:
            raise StopRequested
        return None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Have a horse do a job, and settle it; refuse one that names any other function, which RQ would run."""
        taken, began = self.taken, time.monotonic()
        assert taken is not None
        if not is_ours(job):
            self._refuse(taken)
        else:
            super().execute_job(job, queue)
            self._settle(taken, job.args[0], time.monotonic() - began)
        self.taken = None

    def _refuse(self, taken: Taken) -> None:
        record_refusal("foreign", None, taken.job_id)
        settle(self.lanes, taken, Ending("failed", "refused foreign"))

    def _settle(self, taken: Taken, text: str, seconds: float, otherwise: str = KILLED) -> None:
        name = f"rq:job:{taken.job_id}"
        found: Any = self.connection.hmget(name, "status", "failure")
        status, failure = (as_text(word) if word else None for word in found)
        if status is not None and not self.connection.hexists(name, "data"):
            status = FORGOTTEN
        known = failure if failure and status == "failed" else otherwise
        settle(self.lanes, taken, Ending(status, known, text, seconds))

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = ""
    ) -> None:
        """Note why a job failed, in a word: RQ would keep the whole traceback, which may quote rows."""
        reason = reason_of(sys.exc_info()[1]) if self.is_horse else KILLED
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline=pipeline)
            pipeline.hset(job.key, mapping={"status": "failed", "failure": reason})
            self.increment_failed_job_count(pipeline)
            pipeline.execute()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Leave the telling to `perform`, which has told."""

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Close this process's database connections, so that parent and horse never share one, and fork."""
        tenancy().engines.dispose()
        db.engine.dispose()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Do the work, and die with the parent; at once if that has died already."""
        with suppress(OSError, AttributeError):  # other systems have other ways
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() == 1 and self.pid != 1:
            os._exit(1)
        super().main_work_horse(job, queue)

    def maintain_heartbeats(self, job: Job) -> None:
        """Go on holding the job while its horse works; one that another has inherited by now is stopped here."""
        super().maintain_heartbeats(job)
        for queue in self.queue_names():
            holds = self.lanes.hold(queue, job.id if queue == job.origin else "")
            if not holds:
                log.error("job inherited by another worker; stopped here", id=job.id)
                self.kill_horse()
        self.look_after_orphans()

    def look_after_orphans(self) -> None:
        """Settle what workers left that died with their horses."""
        if time.monotonic() - self.looked_at < self.looks_every:
            return
        self.looked_at = time.monotonic()
        for queue in self.queue_names():
            while (taken := self.lanes.inherit(queue)) is not None:
                log.warning("job orphaned", id=taken.job_id, attempts=taken.attempt)
                self._forget_execution(taken)
                self._settle(taken, self._text_of(taken), 0.0, otherwise=ORPHANED)

    def _text_of(self, taken: Taken) -> str:
        try:
            job = self.job_class.fetch(taken.job_id, connection=self.connection, serializer=self.serializer)
            return str(job.args[0]) if is_ours(job) else ""
        except Exception:  # gone, or never ours
            return ""

    def _forget_execution(self, taken: Taken) -> None:
        registry = f"rq:wip:{taken.queue}"
        entries: Any = self.connection.zrange(registry, 0, -1)
        ours = [entry for entry in entries if entry.startswith(taken.job_id.encode())]
        if ours:
            self.connection.zrem(registry, *ours)

    def run_maintenance_tasks(self) -> None:
        """Forget workers that died. RQ would also give up jobs by the clock of this machine; leases say it better."""
        for queue in self.queues:
            clean_worker_registry(queue)
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def register_death(self) -> None:
        """Say that this worker is gone."""
        super().register_death()  # type: ignore[no-untyped-call]
        self.lanes.leave()


def is_ours(job: Job) -> bool:
    """Tell whether a job is one that we enqueue: `perform` with a text, nothing around it."""
    try:
        named = (job.func_name, job.instance, job.kwargs, len(job.args))
    except DeserializationError:
        return False
    around = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name)
    return named == (PERFORM, None, {}, 1) and not any(around) and not job.webhooks


def give_lanes(worker: HospitalWorker) -> None:
    """Give a worker its way into the fair queues."""
    settings = current_app.extensions["settings"]
    worker.looks_every = min(MOST_PATIENT, settings.job_lease_seconds / 3)
    worker.lanes = Lanes(
        worker.connection,
        worker.name,
        worker.queue_names(),
        lease=settings.job_lease_seconds,
        at_once=settings.jobs_at_once,
    )
