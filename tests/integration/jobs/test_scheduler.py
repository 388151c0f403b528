"""The real scheduler: several may run, one works; who takes over goes on."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from rq import cron
from rq.cron import CronScheduler
from rq.utils import now

from app.core.queue import QUEUES, enqueue, queue_named, verify
from app.jobs.lease import Lease
from app.jobs.partitions import MONTHS_AHEAD
from app.jobs.rounds import find_due, wake_hospitals
from app.jobs.schedule import list_periods
from app.jobs.scheduler import Scheduler, cron_jobs
from app.tenancy.binding import tenancy
from tests.integration.jobs.conftest import QueueServer, Start, away, hang_up, until
from tests.integration.jobs.test_sync import register
from tests.support.platform import Platform


def asked(app: Flask) -> Counter[str]:
    with app.app_context():
        envelopes = [verify(*job.args) for name in QUEUES for job in queue_named(name).jobs]
    return Counter(f"{one.name}{one.args or ''}" for one in envelopes)


def test_two_schedulers_ask_for_everything_once(app: Flask, queue_server: QueueServer) -> None:
    with app.app_context():
        first, second = Scheduler(), Scheduler()
        try:
            for _ in range(3):
                first.tick()
                second.tick()
            assert set(asked(app).values()) == {1}
            assert sum(asked(app).values()) == len(cron_jobs())
            assert [one.name for one in CronScheduler.all(queue_server_connection(app))] == [first.name]
        finally:
            first._lease.release()
            second._lease.release()


def test_a_clock_that_is_moved_neither_stops_the_schedule_nor_doubles_it(
    app: Flask, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = timedelta(0)
    monkeypatch.setattr(cron, "now", lambda: now() + moved)
    with app.app_context():
        scheduler = Scheduler()
        try:
            for moved in (timedelta(0), timedelta(days=-30), timedelta(days=30)):
                for _ in range(2):
                    scheduler.tick()
                assert set(asked(app).values()) == {1}, moved
                assert sum(asked(app).values()) == len(cron_jobs()), moved
                app.extensions["redis"].flushdb()
        finally:
            scheduler._lease.release()


def queue_server_connection(app: Flask):
    return app.extensions["redis"]


def test_a_scheduler_takes_over_when_the_other_is_killed(app: Flask, start: Start) -> None:
    first = start("scheduler")
    first.waits_for("scheduler at work")
    second = start("scheduler")
    assert not until(lambda: "scheduler at work" in second.log(), 3)
    first.kill()
    second.waits_for("scheduler at work")
    assert second.stop() == 0, second.log()


def test_a_lease_is_held_by_one_and_lost_with_its_connection(app: Flask, platform: Platform) -> None:
    with app.app_context():
        mine, theirs = Lease("a test"), Lease("a test")
        assert mine.hold()
        assert mine.hold()
        assert not theirs.hold()
        hang_up(platform, platform.central_name)
        assert not mine.hold()
        assert theirs.hold()
        theirs.release()
        assert mine.hold()
        mine.release()


def test_a_round_wakes_only_what_is_due(
    app: Flask, queue_server: QueueServer, bound, drain, alpha: str, beta: str
) -> None:
    with bound(alpha):
        register()
    drain()
    with app.app_context():
        wake_hospitals(15)
        assert asked(app) == {"sync_hospital": 1, "hand_down": 2}  # beta has never been heard
    drain()
    with app.app_context():
        wake_hospitals(15)
        assert asked(app) == {}
        wake_hospitals(86_400)
    daily = {"ensure_log_partitions": 2, "forget_old_hospital_sessions": 2, "verify_logs": 2}
    assert asked(app).items() >= daily.items()
    drain()


def test_a_round_passes_by_a_hospital_that_does_not_answer(app: Flask, platform: Platform, alpha: str) -> None:
    with away(platform, platform.databases[alpha]):
        assert find_due(app, alpha, [period for period in list_periods() if period.due is not None]) == []


def test_a_round_passes_by_a_database_of_somebody_else(app: Flask, platform: Platform, alpha: str) -> None:
    with app.app_context():
        tenancy().engines.dispose()
    with platform.admin(alpha) as connection:
        (ours,) = connection.execute("SELECT hospital_id FROM hospital_info").fetchone() or ("",)
        connection.execute("UPDATE hospital_info SET hospital_id = gen_random_uuid()")
        try:
            assert find_due(app, alpha, [period for period in list_periods() if period.due is not None]) == []
        finally:
            connection.execute("UPDATE hospital_info SET hospital_id = %s", (ours,))


def test_the_schedule_can_be_listed(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["scheduler", "--list", "--json"])
    rows = {row["job"]: row for row in map(json.loads, result.output.splitlines())}
    assert rows["sync_hospital"] == {
        "job": "sync_hospital",
        "seconds": 15,
        "where": "each hospital",
        "when": "Where events wait for the centre or for a consumer, or nothing was heard for five minutes",
    }
    assert {"check_health", "sweep_operations", "send_due_reminders", "deliver_messages"} <= set(rows)


def test_log_partitions_are_made_ahead(
    app: Flask, platform: Platform, queue_server: QueueServer, drain, alpha: str
) -> None:
    farthest = "SELECT %s || to_char(now() AT TIME ZONE 'UTC' + make_interval(months => %s), '_YYYY_MM')"
    logs = {"audit_log": alpha, "platform_audit_log": None}
    names = {}
    for log, code in logs.items():
        with platform.admin(code) as connection:
            (names[log],) = connection.execute(farthest, (log, MONTHS_AHEAD)).fetchone()  # type: ignore[misc]
            connection.execute(f"DROP TABLE IF EXISTS {names[log]}")
    for _ in range(2):  # the second time finds everything made
        with app.app_context():
            enqueue("ensure_log_partitions", hospital=alpha)
            enqueue("ensure_platform_log_partitions")
        assert drain() == 2
        for log, code in logs.items():
            with platform.admin(code) as connection:
                assert connection.execute("SELECT to_regclass(%s)::text", (names[log],)).fetchone() == (names[log],)


@pytest.mark.parametrize("full", [True, False])
def test_a_hospital_is_synced_by_hand_without_a_worker(app: Flask, bound, alpha: str, full: bool) -> None:
    with bound(alpha):
        register()
    result = app.test_cli_runner().invoke(args=["hospital", "sync", alpha, *(["--full"] if full else [])])
    assert result.stdout.strip() == f"alpha\t1 {'patients' if full else 'events'}"
    assert app.test_cli_runner().invoke(args=["hospital", "sync", "nowhere"]).exit_code == 1
