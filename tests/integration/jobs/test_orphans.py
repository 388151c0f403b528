"""Workers over a real Valkey that are killed, stuck, or brought what is not theirs: the count of effects is one."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from app.core import child_process
from app.core.db import db
from app.core.queue import Envelope, push, redis_connection
from app.tenancy.dead_letters import LetterFilter, list_dead_letters
from app.tenancy.models import SecurityEvent
from tests.integration.jobs.conftest import Start, until
from tests.integration.jobs.test_sync import register
from tests.integration.jobs.test_worker import carried, children_of, indexed, waits_for_the_index
from tests.support.platform import Platform

QUICK = {"JOB_LEASE_SECONDS": "6"}


def test_a_worker_killed_alone_takes_its_horse_with_it_and_the_work_is_done_again(
    app: Flask, bound, platform: Platform, start: Start, alpha: str
) -> None:
    worker = start("worker", **QUICK)
    worker.waits_for("worker at work")
    with platform.admin() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE patient_index IN EXCLUSIVE MODE")
        with bound(alpha):
            register()
        with app.app_context():
            push(Envelope("sync_hospital", alpha))
        assert until(lambda: waits_for_the_index(platform)), worker.log()
        (horse,) = children_of(worker.pid)
        os.kill(worker.pid, 9)
        assert until(lambda: not child_process.is_alive(horse)), "a horse outlived its worker"
        holder.rollback()
    second = start("worker", **QUICK)
    assert until(lambda: indexed(app) == 1), second.log()
    assert carried(app) == 1
    assert until(lambda: second.log().count("job orphaned") == 1), second.log()


def test_a_stuck_job_blocks_nobody_and_becomes_a_letter(
    app: Flask, bound, platform: Platform, start: Start, alpha: str, beta: str
) -> None:
    with platform.admin(alpha) as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE outbox_events IN ACCESS EXCLUSIVE MODE")
        with app.app_context():
            stuck = push(Envelope("sync_hospital", alpha))
            redis_connection().hset(f"rq:job:{stuck}", "timeout", 3)
            for _ in range(20):
                push(Envelope("deliver_messages", alpha))
        with bound(beta):
            register()
        with app.app_context():
            push(Envelope("sync_hospital", beta))
        worker = start("worker", "--processes", "2", "--queue", "hospital", **QUICK, JOB_ATTEMPTS="1")
        assert until(lambda: letters(app) == [("sync_hospital", "timeout")]), worker.log()
        assert until(lambda: (indexed(app), carried(app)) == (1, 1)), worker.log()
        holder.rollback()
    log = worker.log()
    assert log.index("events carried") < log.index("job given up"), "beta waited for what is stuck in alpha"
    os.kill(children_of(worker.pid)[0], 9)
    assert until(lambda: worker.log().count("worker at work") == 3), "nobody took the place of a worker that died"
    assert worker.stop() == 0, worker.log()


def letters(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        found = [(row.name, row.reason) for row in list_dead_letters(LetterFilter()).items]
        db.session.rollback()
        return found


def test_a_replayed_job_and_one_in_anothers_lane_are_refused_and_recorded(
    app: Flask, bound, start: Start, alpha: str, beta: str, tmp_path: Path
) -> None:
    with bound(alpha):
        register()
    with app.app_context():
        ours, redis = Envelope("sync_hospital", alpha), redis_connection()
        first, second, misplaced = push(ours), push(ours), push(Envelope("sync_hospital", alpha))
        redis.rename(f"rq:job:{misplaced}", f"rq:job:{beta}_0123")
        redis.lset("rq:queue:hospital", -1, f"{beta}_0123")
    worker = start("worker", "--burst")
    assert until(lambda: not child_process.is_alive(worker.pid))
    assert (indexed(app), carried(app)) == (1, 1), worker.log()
    with app.app_context():
        events = db.session.scalars(sa.select(SecurityEvent).where(SecurityEvent.kind == "job.forged")).all()
        assert sorted(event.details["reason"] for event in events) == ["hospital", "replayed"], worker.log()
        assert not any(redis_connection().exists(f"rq:job:{job}") for job in (first, second, f"{beta}_0123"))


def test_redis_flushed_while_jobs_wait_loses_nothing(app: Flask, bound, start: Start, alpha: str, beta: str) -> None:
    for code in (alpha, beta):
        with bound(code):
            register()
        with app.app_context():
            push(Envelope("sync_hospital", code))
    with app.app_context():
        redis_connection().flushdb()
    worker, scheduler = start("worker"), start("scheduler")
    assert until(lambda: indexed(app) == 2), worker.log() + scheduler.log()
    assert carried(app) == 2
