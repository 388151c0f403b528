"""The worker: takes signed jobs from the queues and performs them, each in a process of its own, bound first.

RQ forks a horse for each job, so that a job that hangs or dies takes nobody with it. What the parent has open must not
be shared with a horse: the parent closes its database connections before it forks, and a horse opens its own.
Only PostgreSQL says what is to be done. A job that was lost, or stays "started" in Redis for ever, is found again by
the schedule; nothing waits for RQ's registries.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Worker
from rq.exceptions import DeserializationError, NoSuchJobError, StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.exc import DBAPIError

from app.core.db import db
from app.core.logging import bind_log, clear_log, get_logger
from app.core.queue import PERFORM, QUEUES, BadJob, Envelope, JobKind, begin, get_kind, verify
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.errors import HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital

log = get_logger(__name__)

NOT_SERVED = (HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital)
WORKER_TTL_SECONDS = 90
LONGEST_PAUSE = 5.0


def perform(text: str) -> None:
    """Do one piece of work; raises BadJob where it is not ours, or what the work raises."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    clear_log()
    with app.app_context():
        try:
            envelope = verify(text)
            kind = get_kind(envelope.name)
            if kind.for_hospital != (envelope.hospital is not None):
                raise BadJob(f"job {kind.name!r} names a hospital, or none, where it must not")
        except BadJob as error:
            log.error("job refused", reason=str(error))
            raise
        bind_log(job=kind.name, hospital=envelope.hospital)
        begin(kind, envelope)
        _run(kind, envelope)


def _run(kind: JobKind, envelope: Envelope) -> None:
    started = time.monotonic()
    try:
        _enter_and_run(kind, envelope)
    except NOT_SERVED as error:
        log.info("job not done: the hospital is not served", reason=type(error).__name__)
    except DBAPIError as error:
        log.warning("job failed in a database; the schedule finds it again", error=type(error.orig).__name__)
        raise
    except Exception:
        log.exception("job failed")
        raise
    else:
        log.debug("job done", milliseconds=round((time.monotonic() - started) * 1000))


def _enter_and_run(kind: JobKind, envelope: Envelope) -> None:
    if envelope.hospital is None:
        kind.run(**envelope.args)
    elif kind.binds_itself:
        kind.run(hospital=envelope.hospital, **envelope.args)
    else:
        with bind_hospital(envelope.hospital):
            kind.run(**envelope.args)


class HospitalWorker(Worker):
    """RQ's forking worker, which performs nothing but `perform`."""

    max_connection_wait_time = 5.0
    log_result_lifespan = False

    @property
    def was_asked_to_stop(self) -> bool:
        """Tell whether a signal said stop."""
        return self._shutdown_requested_date is not None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Refuse a job that names any other function: RQ would import and run whatever it names."""
        if is_ours(job):
            super().execute_job(job, queue)
            return
        log.error("job refused", reason="it names a function, a callback or an address that is not ours", id=job.id)
        with suppress(NoSuchJobError):
            job.delete()

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Close this process's database connections, so that parent and horse never share one, and fork."""
        tenancy().engines.dispose()
        db.engine.dispose()
        super().fork_work_horse(job, queue)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Leave the telling to `perform`, which has told."""


def is_ours(job: Job) -> bool:
    """Tell whether a job is one that we enqueue: `perform` with a text, nothing around it."""
    try:
        named = (job.func_name, job.instance, job.kwargs, len(job.args))
    except DeserializationError:
        return False
    around = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name)
    return named == (PERFORM, None, {}, 1) and not any(around) and not job.webhooks


def run_worker(*, burst: bool = False, queues: Sequence[str] = QUEUES) -> None:
    """Work until SIGTERM or SIGINT, which let the present job end; with `burst` until the queues are empty."""
    logging.getLogger("rq").addFilter(_tell_in_a_line)
    for name in ("rq.worker", "rq.job", "rq.registry"):
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(name).addFilter(_tell_in_a_line)
    pause = 1.0
    while True:
        began = time.monotonic()
        if _work_once(burst=burst, queues=queues):
            return
        pause = 1.0 if time.monotonic() - began > 60 else min(pause * 2, LONGEST_PAUSE)
        log.warning("queue away, the worker waits", seconds=pause)
        try:
            time.sleep(pause)
        except (StopRequested, KeyboardInterrupt):
            return


def _work_once(*, burst: bool, queues: Sequence[str]) -> bool:
    """Work until told to stop (True) or until Redis goes away (False)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    worker: HospitalWorker | None = None
    try:
        worker = _make_worker(queues)
        log.info("worker at work", queues=list(queues))
        worker.work(burst=burst)
        stopped = burst or worker.was_asked_to_stop
    except (StopRequested, KeyboardInterrupt):
        return True
    except RedisError:
        stopped = worker is not None and worker.was_asked_to_stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
    if worker is not None and worker.horse_pid and not stopped:
        worker.wait_for_horse()  # it outlived the connection to Redis; its own time limit ends it
    return stopped


def _make_worker(queues: Sequence[str]) -> HospitalWorker:
    connection = Redis.from_url(
        current_app.extensions["settings"].redis_url,
        socket_connect_timeout=2,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
        health_check_interval=30,
    )
    return HospitalWorker(
        list(queues),
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_SECONDS,
        log_job_description=False,
    )


def _stop(_number: int, _frame: Any) -> None:
    raise StopRequested


def _tell_in_a_line(record: logging.LogRecord) -> bool:
    """Cut the traceback from what RQ says of a lost connection: the line says it all."""
    if record.exc_info and isinstance(record.exc_info[1], RedisError):
        record.msg, record.args = f"{record.getMessage()} {type(record.exc_info[1]).__name__}", None
        record.exc_info = None
    return True
