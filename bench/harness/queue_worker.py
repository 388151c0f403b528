"""Workers of a benchmark's own, in processes: ours over fair queues, or RQ's over one list; both do the same job.

The job reads a row of its hospital's database and notes when it began. `python -m bench.harness.queue_worker fair 2`.
"""

from __future__ import annotations

import sys
import time

import sqlalchemy as sa
from flask import Flask, current_app
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from app import create_app
from app.core.db import db
from app.core.queue import job, redis_connection
from app.domain.patients.models import Patient
from app.jobs.pool import Pool
from app.jobs.worker import run_worker
from app.tenancy.binding import bind_hospital, tenancy

JOB, NOTES, BARE = "bench_note", "bench:notes", "bench-bare"


@job(JOB, queue="hospital", for_hospital=True, timeout_seconds=60)
def note(number: int) -> None:
    """Read a row, and note that this job began, and when."""
    began = time.monotonic()
    db.session.scalar(sa.select(sa.func.count()).select_from(Patient))
    redis_connection().rpush(NOTES, f"{number} {began}")


_app: list[Flask] = []


def note_bare(hospital: str, number: int) -> None:
    """The same work, as RQ alone would be given it."""
    with _app[0].app_context(), bind_hospital(hospital):
        note(number)


class BareWorker(Worker):
    """RQ's worker as it is, but for what a fork must not share."""

    def fork_work_horse(self, job: object, queue: object) -> None:
        """Fork without open connections to databases."""
        with _app[0].app_context():
            tenancy().engines.dispose()
            db.engine.dispose()
        super().fork_work_horse(job, queue)  # type: ignore[arg-type]


def bare_queue(url: str) -> Queue:
    """Return the list that bare workers take from."""
    return Queue(BARE, connection=Redis.from_url(url), serializer=JSONSerializer)


def _work_bare() -> None:
    queue = bare_queue(current_app.extensions["settings"].redis_url)
    worker = BareWorker([queue], connection=queue.connection, serializer=JSONSerializer, log_job_description=False)
    worker.log_result_lifespan = False
    worker.work(logging_level="WARNING")


def main() -> None:
    """Work until told to stop."""
    way, processes = sys.argv[1], int(sys.argv[2])
    _app.append(create_app())
    with _app[0].app_context():
        if way == "fair":
            run_worker(queues=("hospital",), processes=processes)
        else:
            Pool(processes, _work_bare).run()


if __name__ == "__main__":
    sys.modules["bench.harness.queue_worker"] = sys.modules["__main__"]  # where RQ looks for the function
    main()
