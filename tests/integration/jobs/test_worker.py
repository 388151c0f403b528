"""The real worker, as a process over a real Valkey: it does what is ours, refuses what is not, and survives."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from rq import Queue
from rq.job import Callback
from rq.serializers import JSONSerializer, PickleSerializer

from app.core import child_process
from app.core.queue import Envelope, push, redis_connection, sign
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import PatientIndexEntry, SecurityEvent, SyncRun
from tests.integration.jobs.conftest import QueueServer, Start, away, until
from tests.integration.jobs.test_sync import register
from tests.support.platform import Platform


def indexed(app: Flask) -> int:
    with app.app_context(), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(PatientIndexEntry)) or 0


def carried(app: Flask) -> int:
    with app.app_context(), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.sum(SyncRun.events))) or 0


def test_a_committed_change_reaches_the_centre_through_the_worker(app: Flask, bound, start: Start, alpha: str) -> None:
    worker = start("worker")
    worker.waits_for("worker at work")
    with bound(alpha):
        register()
    assert until(lambda: indexed(app) == 1), worker.log()
    assert worker.stop() == 0
    assert "Traceback" not in worker.log()


def test_the_same_job_twice_has_one_effect(app: Flask, bound, start: Start, alpha: str) -> None:
    with bound(alpha):
        register()
    with app.app_context():
        for _ in range(3):
            push(Envelope("sync_hospital", alpha))
    worker = start("worker", "--burst")
    assert until(lambda: not child_process.is_alive(worker.pid))
    assert (indexed(app), carried(app)) == (1, 1)


def test_jobs_that_are_not_ours_are_refused_and_the_worker_goes_on(
    app: Flask, bound, start: Start, tmp_path: Path, alpha: str
) -> None:
    made = tmp_path / "made-by-a-stranger"
    with app.app_context():
        ours = sign(Envelope("sync_hospital", alpha))
        queue = Queue("hospital", connection=redis_connection(), serializer=JSONSerializer)
        queue.enqueue("os.mkdir", str(made))
        queue.enqueue("app.jobs.worker.perform", "not signed")
        queue.enqueue("app.jobs.worker.perform", ours, "and more")
        queue.enqueue("app.jobs.worker.perform", ours, on_success=Callback("os.abort"))
        pickled = Queue("fleet", connection=redis_connection(), serializer=PickleSerializer)
        pickled.enqueue("os.mkdir", str(made))
    with bound(alpha):
        register()
    worker = start("worker", "--burst")
    assert until(lambda: not child_process.is_alive(worker.pid))
    assert worker.log().count("job refused") == 5, worker.log()
    assert refusals(app) == ["foreign"] * 4 + ["malformed"]
    assert not made.exists()
    assert (indexed(app), carried(app)) == (1, 1)


def refusals(app: Flask) -> list[str]:
    with app.app_context(), unit_of_work() as session:
        events = session.scalars(sa.select(SecurityEvent.details).where(SecurityEvent.kind == "job.forged"))
        return sorted(details["reason"] for details in events)


def test_a_worker_killed_in_the_middle_of_a_job_leaves_work_that_the_next_one_does(
    app: Flask, bound, platform: Platform, start: Start, alpha: str
) -> None:
    worker = start("worker")
    worker.waits_for("worker at work")
    with platform.admin() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE patient_index IN EXCLUSIVE MODE")
        with bound(alpha):
            register()
        assert until(lambda: waits_for_the_index(platform)), worker.log()
        worker.kill()
        holder.rollback()
    assert indexed(app) == 0
    second = start("worker", JOB_LEASE_SECONDS="3")  # no scheduler: what was orphaned is inherited
    assert until(lambda: indexed(app) == 1), second.log()
    assert carried(app) == 1
    assert "job orphaned" in second.log()


def waits_for_the_index(platform: Platform) -> bool:
    with platform.cluster.connect() as connection:
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        return connection.execute(query, (platform.central_name,)).fetchone() is not None


def test_a_horse_killed_in_the_middle_of_a_job_takes_nothing_with_it(
    app: Flask, bound, platform: Platform, start: Start, alpha: str
) -> None:
    worker = start("worker")  # no scheduler: what a horse left is begun again
    worker.waits_for("worker at work")
    with platform.admin() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE patient_index IN EXCLUSIVE MODE")
        with bound(alpha):
            register()
        assert until(lambda: waits_for_the_index(platform)), worker.log()
        for pid in children_of(worker.pid):
            os.kill(pid, 9)
        holder.rollback()
    assert until(lambda: indexed(app) == 1), worker.log()
    assert carried(app) == 1


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listing:
        return [int(one) for one in listing.read().split()]


def test_redis_killed_between_a_change_and_its_sync_loses_nothing(
    app: Flask, bound, queue_server: QueueServer, start: Start, alpha: str, beta: str
) -> None:
    worker, scheduler = start("worker"), start("scheduler")
    worker.waits_for("worker at work")
    scheduler.waits_for("scheduler at work")
    queue_server.kill()
    with bound(alpha):
        register()
    with bound(beta):
        register()
    scheduler.waits_for("the scheduler waits")
    assert indexed(app) == 0
    queue_server.revive()
    assert until(lambda: indexed(app) == 2), worker.log() + scheduler.log()
    assert carried(app) == 2
    assert worker.log().count("Traceback") == 0, worker.log()
    assert scheduler.log().count("Traceback") == 0, scheduler.log()
    assert worker.stop() == 0
    assert scheduler.stop() == 0


def test_a_worker_and_a_scheduler_start_and_stop_without_redis(queue_server: QueueServer, start: Start) -> None:
    queue_server.kill()
    worker, scheduler = start("worker"), start("scheduler")
    worker.waits_for("the worker waits")
    scheduler.waits_for("the scheduler waits")
    assert worker.stop() == 0
    assert scheduler.stop() == 0
    assert "Traceback" not in worker.log() + scheduler.log()


def test_stopping_lets_the_present_job_end(app: Flask, bound, platform: Platform, start: Start, alpha: str) -> None:
    worker = start("worker")
    worker.waits_for("worker at work")
    with platform.admin() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE patient_index IN EXCLUSIVE MODE")
        with bound(alpha):
            register()
        assert until(lambda: waits_for_the_index(platform)), worker.log()
        os.kill(worker.pid, 15)
        holder.rollback()
    assert until(lambda: not child_process.is_alive(worker.pid))
    assert indexed(app) == 1


def test_a_hospitals_database_that_is_away_holds_up_nobody_else(
    app: Flask, bound, platform: Platform, start: Start, alpha: str, beta: str
) -> None:
    with bound(alpha):
        register()
    with bound(beta):
        register()
    with app.app_context():
        redis_connection().flushdb()
    with away(platform, platform.databases[alpha]):
        worker, scheduler = start("worker"), start("scheduler")
        assert until(lambda: indexed(app) == 1), worker.log() + scheduler.log()
    assert until(lambda: indexed(app) == 2), worker.log() + scheduler.log()
