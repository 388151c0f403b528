"""What may go wrong in the middle of long work: whatever dies, each row is registered once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.domain.longwork import claiming, imports, performing
from app.domain.longwork.claiming import LEFT_AFTER_SECONDS, MOST_ATTEMPTS, claim, have_work_due
from app.domain.longwork.errors import TookTooLong, WorkCancelled, WorkEnded, WorkTaken
from app.domain.longwork.models import LongWork, LongWorkState
from app.domain.longwork.performing import Heard, perform_due, perform_work
from app.domain.longwork.queries import get_work
from app.domain.longwork.requests import cancel_work, retry_work
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.ledger.errors import LeaseLost
from tests.integration.longwork.tables import Bind, begin, count, people, perform, read, send, table
from tests.support.platform import ACTOR, Platform

ROWS = 60


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 20)


def ask(app: Flask, rows: int = ROWS, start: int = 0) -> UUID:
    return begin(app, send(app, table(people(rows, start))))


def assert_each_once(app: Flask, rows: int = ROWS) -> None:
    assert count(app) == rows
    assert count(app, AuditEntry.action == "patient.register", of=AuditEntry) == rows
    assert count(app, OutboxEvent.kind == "patient.register", of=OutboxEvent) == rows


def _die_in_the_second_batch(app: Flask, work_id: UUID) -> None:
    """Perform in a process of its own, which is killed with its rows written and not committed."""
    with app.app_context():
        tenancy().engines.dispose()
        db.engine.dispose(close=False)
        honest, batches = imports.register_many, []

        def deadly(*args: Any) -> Any:
            made = honest(*args)
            batches.append(made)
            if len(batches) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return made

        imports.register_many = deadly  # type: ignore[assignment]
        with bind_hospital("alpha"):
            perform_work(work_id)


def test_a_worker_that_is_killed_half_way_leaves_an_import_to_the_next_and_each_row_comes_once(
    app: Flask, alpha: str, bound: Bind
) -> None:
    work_id = ask(app)
    with app.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()
    process = multiprocessing.get_context("fork").Process(target=_die_in_the_second_batch, args=(app, work_id))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert (count(app), read(app, work_id).state) == (20, LongWorkState.RUNNING)
    assert perform(app, work_id)["imported"] == ROWS
    assert_each_once(app)
    assert read(app, work_id).attempts == 2


def test_work_that_is_cancelled_half_way_stops_behind_its_batch_and_can_go_on(
    app: Flask, alpha: str, bound: Bind
) -> None:
    work_id = ask(app)

    def cancel(heard: Heard) -> None:
        if heard.done == 20:
            with unit_of_work():
                cancel_work(ACTOR, work_id)

    with pytest.raises(WorkCancelled):
        perform(app, work_id, cancel)
    stopped = read(app, work_id)
    assert (stopped.state, stopped.result["imported"], count(app)) == (LongWorkState.CANCELLED, 40, 40)
    with pytest.raises(WorkEnded), bound(alpha):
        cancel_work(ACTOR, work_id)
    with bound(alpha):
        retry_work(ACTOR, work_id, wake=False)
    assert perform(app, work_id)["imported"] == ROWS
    assert_each_once(app)


def test_work_that_waits_is_cancelled_at_once(app: Flask, alpha: str, bound: Bind) -> None:
    work_id = ask(app)
    with bound(alpha):
        assert cancel_work(ACTOR, work_id).state is LongWorkState.CANCELLED
    with pytest.raises(WorkTaken):
        perform(app, work_id)
    assert count(app) == 0


def test_of_two_imports_at_the_same_time_one_waits_and_nobody_is_made_twice(app: Flask, alpha: str) -> None:
    first, second = ask(app, 40), ask(app, 40, start=20)
    inside, go_on = threading.Event(), threading.Event()

    def hold(heard: Heard) -> None:
        inside.set()
        go_on.wait(60)

    worker = threading.Thread(target=perform, args=(app, first, hold))
    worker.start()
    assert inside.wait(60)
    with pytest.raises(WorkTaken):
        perform(app, second)
    assert read(app, second).state is LongWorkState.QUEUED
    go_on.set()
    worker.join(60)
    assert perform(app, second) == {"imported": 20, "duplicate": 20, "refused": 0}
    assert_each_once(app)


def test_a_database_that_is_away_for_a_moment_is_waited_for(app: Flask, alpha: str, platform: Platform) -> None:
    work_id = ask(app)
    cut: list[int] = []

    def cut_the_lines(heard: Heard) -> None:
        if heard.done == 20 and not cut:
            cut.append(heard.done)
            with platform.admin(alpha) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    assert perform(app, work_id, cut_the_lines)["imported"] == ROWS
    assert cut
    assert_each_once(app)


def test_a_runner_that_was_taken_over_writes_nothing_more(app: Flask, alpha: str) -> None:
    work_id = ask(app)

    def lose(heard: Heard) -> None:
        if heard.done == 20:
            with unit_of_work() as session:
                session.execute(sa.update(LongWork).values(runner="another"))

    with pytest.raises(WorkTaken):
        perform(app, work_id, lose)
    assert (count(app), read(app, work_id).runner) == (20, "another")


def test_work_takes_turns_with_others_and_goes_on_where_it_was(app: Flask, alpha: str) -> None:
    ask(app)
    turns = 0
    with app.app_context(), bind_hospital(alpha):
        while perform_due(slice_seconds=0) and turns < 10:
            turns += 1
    assert turns == 3
    assert_each_once(app)


def test_work_is_given_up_when_its_worker_dies_again_and_again(
    app: Flask, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_id = ask(app)
    with app.app_context(), bind_hospital(alpha):
        for number in range(MOST_ATTEMPTS):
            with unit_of_work() as session:
                long_ago = sa.func.now() - sa.text(f"interval '{LEFT_AFTER_SECONDS + 120} seconds'")
                session.execute(sa.update(LongWork).values(heartbeat_at=long_ago))
            with unit_of_work():
                assert have_work_due()
            assert claim(work_id, f"runner {number}")
            assert not claim(work_id, "somebody else")
        with unit_of_work() as session:
            session.execute(sa.update(LongWork).values(heartbeat_at=long_ago))
        assert not claim(work_id, "the last")
    assert read(app, work_id).state is LongWorkState.FAILED


def test_work_that_takes_too_long_is_stopped_and_says_so(
    app: Flask, alpha: str, bound: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    work_id = ask(app)
    honest = performing.work_named
    short: Callable[[str], Any] = lambda name: dataclasses.replace(honest(name), limit_seconds=-1)  # noqa: E731
    monkeypatch.setattr(performing, "work_named", short)
    with pytest.raises(TookTooLong):
        perform(app, work_id)
    with bound(alpha):
        shown = get_work(work_id)
        assert shown.row.state is LongWorkState.FAILED
        assert shown.row.error
        assert shown.may_go_on


def test_a_lost_lease_is_no_fault_that_a_batch_could_swallow() -> None:
    assert not issubclass(LeaseLost, Exception)
    assert claiming.LEFT_AFTER_SECONDS < 120
