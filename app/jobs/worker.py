"""What a worker does: signed jobs, verified and bound first; and running workers until they are told to stop.

Only PostgreSQL says what is to be done. A job that Redis lost is found again by the schedule.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import get_current_job
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from sqlalchemy.exc import DBAPIError

from app.core.logging import bind_log, clear_log, get_logger
from app.core.queue import QUEUES, BadJob, Envelope, JobKind, admit, begin, end, get_kind, verify
from app.core.queue_lanes import FairQueue, lane_of
from app.jobs.fair_worker import HospitalWorker, give_lanes
from app.jobs.pool import Pool
from app.jobs.settling import record_refusal
from app.tenancy.binding import bind_hospital
from app.tenancy.errors import HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital

log = get_logger(__name__)

NOT_SERVED = (HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital)
WORKER_TTL_SECONDS = 90
LONGEST_PAUSE = 5.0


def perform(text: str) -> None:
    """Do one piece of work; raises BadJob where it is not ours, or what the work raises."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    clear_log()
    job = get_current_job()
    job_id = job.id if job is not None else ""
    envelope: Envelope | None = None
    with app.app_context():
        try:
            envelope = verify(text)
            kind = _check(envelope, job_id)
        except BadJob as error:
            record_refusal(error.code, envelope, job_id)
            raise
        bind_log(job=kind.name, hospital=envelope.hospital)
        begin(kind, envelope)
        _run(kind, envelope)
        if job_id:
            end(envelope)


def _check(envelope: Envelope, job_id: str) -> JobKind:
    """Return the kind of work; raises BadJob where it stood in the lane of another hospital, or was done before."""
    kind = get_kind(envelope.name)
    if kind.for_hospital != (envelope.hospital is not None):
        raise BadJob(f"job {kind.name!r} names a hospital, or none, where it must not", "hospital")
    if job_id:
        if lane_of(job_id) != envelope.hospital:
            raise BadJob("it stood in the lane of another hospital", "hospital")
        admit(envelope, job_id)
    return kind


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


def run_worker(*, burst: bool = False, queues: Sequence[str] = QUEUES, processes: int = 1) -> None:
    """Work until SIGTERM or SIGINT, which let the present job end; with `burst` until the queues are empty."""
    if processes > 1:
        Pool(processes, lambda: run_worker(burst=burst, queues=queues)).run()
        return
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
    lease = current_app.extensions["settings"].job_lease_seconds
    worker = HospitalWorker(
        list(queues),
        connection=connection,
        queue_class=FairQueue,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_SECONDS,
        job_monitoring_interval=max(1, int(lease / 4)),
        log_job_description=False,
    )
    give_lanes(worker)
    return worker


def _stop(_number: int, _frame: Any) -> None:
    raise StopRequested


def _tell_in_a_line(record: logging.LogRecord) -> bool:
    """Cut the traceback from what RQ says of a lost connection: the line says it all."""
    if record.exc_info and isinstance(record.exc_info[1], RedisError):
        record.msg, record.args = f"{record.getMessage()} {type(record.exc_info[1]).__name__}", None
        record.exc_info = None
    return True
