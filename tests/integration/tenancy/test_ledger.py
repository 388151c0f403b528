"""Long work is done once, whoever asks and whoever dies: claimed, resumed, refused to a second, cancelled, told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.errors import Conflict
from app.core.queue import queue_named, redis_connection
from app.core.unit_of_work import unit_of_work
from app.jobs import worker
from app.jobs.operations import sweep_operations
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger import kinds, leases
from app.tenancy.ledger.errors import OperationCancelled, OperationEnded, OperationNotRetryable, OperationTaken
from app.tenancy.ledger.performing import Progress, Work, perform
from app.tenancy.ledger.queries import get_operation, list_to_retry, list_waiting
from app.tenancy.ledger.requests import cancel_operation, request_operation, retry_operation
from app.tenancy.models import HospitalLease, Operation, OperationState
from app.tenancy.queries import get_hospital
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).parents[3]
STATES = OperationState


class Broken(Exception):
    """A step fails."""


class NoSpace(Conflict):
    default_message = "The disk is full."
    remedy = "Free some space."


@pytest.fixture
def declared() -> Iterator[Callable[..., None]]:
    """`declared("test.work", run)`: a kind of work for one test."""
    names: list[str] = []

    def declare(name: str, run: Callable[[Work], Any], **facts: Any) -> None:
        kinds.operation(name, title=name, **{"takes_hospital": False, **facts})(run)
        names.append(name)

    yield declare
    for name in names:
        del kinds._kinds[name]


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def asked(name: str, code: str | None = None, **arguments: Any) -> UUID:
    with unit_of_work():
        hospital = get_hospital(code) if code else None
        return request_operation(ACTOR, name, hospital=hospital, arguments=arguments, wake=False).id


def state_of(operation_id: UUID) -> OperationState:
    with unit_of_work():
        state: OperationState = get_operation(operation_id).row.state
        return state


def test_what_a_step_found_out_is_known_to_the_next_try(context: Flask, declared: Any) -> None:
    tries: list[str] = []

    def run(work: Work) -> dict[str, Any]:
        name = work.step("choose", lambda: tries.append("choose") or {"name": f"scratch-{len(tries)}"})["name"]
        if len(tries) == 1:
            work.step("fill", lambda: tries.append("fill") or (_ for _ in ()).throw(Broken("line one\nsecret two")))
        return {"name": name}

    declared("test.resume", run)
    operation_id = asked("test.resume")
    with pytest.raises(Broken):
        perform(operation_id)
    with unit_of_work():
        shown = get_operation(operation_id)
        assert (shown.row.state, shown.row.error) == (STATES.FAILED, "Broken: line one")
        assert [(step.name, step.state) for step in shown.steps] == [("choose", "done"), ("fill", "failed")]
        retry_operation(ACTOR, operation_id, wake=False)
    assert perform(operation_id) == {"name": "scratch-1"}
    assert tries == ["choose", "fill"]
    with unit_of_work():
        shown = get_operation(operation_id)
        assert (shown.row.state, shown.row.attempts, shown.row.error) == (STATES.SUCCEEDED, 2, None)


def test_the_words_for_people_are_kept_with_their_remedy(context: Flask, declared: Any) -> None:
    def run(_work: Work) -> None:
        raise NoSpace

    declared("test.space", run)
    operation_id = asked("test.space")
    with pytest.raises(NoSpace):
        perform(operation_id)
    with unit_of_work():
        row = get_operation(operation_id).row
        assert (row.error, row.remedy) == ("The disk is full.", "Free some space.")


def test_what_somebody_does_is_not_done_by_another(context: Flask, declared: Any) -> None:
    def run(work: Work) -> None:
        with pytest.raises(OperationTaken):
            perform(work.id)

    declared("test.once", run)
    operation_id = asked("test.once")
    perform(operation_id)
    with pytest.raises(OperationTaken):
        perform(operation_id)


def test_one_hospital_is_changed_by_one_at_a_time(context: Flask, alpha: str, declared: Any) -> None:
    done: list[str] = []

    def run(work: Work) -> None:
        if work.arguments.get("outer"):
            with pytest.raises(HospitalBusy):
                perform(asked("test.change", alpha))
            perform(asked("test.look", alpha))
        done.append(work.code)

    declared("test.change", run, takes_hospital=True)
    declared("test.look", run, takes_hospital=True, shares_hospital=True)
    perform(asked("test.change", alpha, outer=True))
    assert done == [alpha, alpha]
    with unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(HospitalLease)) == 0
        waiting = [kind for _, kind in list_waiting()]
    assert waiting == ["test.change"], "who was turned away waits"


def test_who_lost_the_work_writes_nothing_more(context: Flask, declared: Any) -> None:
    def run(work: Work) -> None:
        with unit_of_work() as session:
            session.execute(sa.update(Operation).where(Operation.id == work.id).values(runner="somebody else"))
        work.step("late", lambda: pytest.fail("nothing more may be done"))

    declared("test.lost", run)
    operation_id = asked("test.lost")
    with pytest.raises(OperationTaken):
        perform(operation_id)
    with unit_of_work() as session:
        assert session.scalar(sa.select(Operation.runner).where(Operation.id == operation_id)) == "somebody else"
    assert state_of(operation_id) is STATES.RUNNING


def test_a_worker_of_another_machine_is_given_its_time(context: Flask, declared: Any) -> None:
    declared("test.away", lambda work: {"by": work.runner})
    operation_id = asked("test.away")
    assert leases.claim_operation(operation_id, "elsewhere-00000000:1:abc")
    with pytest.raises(OperationTaken):
        perform(operation_id)
    with unit_of_work() as session:
        session.execute(
            sa.update(Operation).values(
                heartbeat_at=sa.func.now() - sa.text(f"interval '{leases.LEASE_SECONDS + 120} s'")
            )
        )
    with unit_of_work():
        assert [found for found, _ in list_waiting()] == [operation_id]
    perform(operation_id)
    assert state_of(operation_id) is STATES.SUCCEEDED


KILLED = """
import os, signal
from uuid import UUID
from app import create_app
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import perform

@operation("test.killed", title="test", takes_hospital=True)
def run(work):
    work.step("first", lambda: {"pid": os.getpid()})
    work.step("second", lambda: os.kill(os.getpid(), signal.SIGKILL))

with create_app().app_context():
    perform(UUID(os.environ["OPERATION"]))
"""


def test_what_a_killed_process_left_goes_on_at_once(
    context: Flask, platform: Platform, alpha: str, declared: Any
) -> None:
    def run(work: Work) -> dict[str, Any]:
        first = work.step("first", lambda: {"pid": os.getpid()})
        work.step("second", lambda: {"pid": os.getpid()})
        return first

    declared("test.killed", run, takes_hospital=True)
    operation_id = asked("test.killed", alpha)
    environment = os.environ | platform.environment() | {"LOG_LEVEL": "ERROR", "OPERATION": str(operation_id)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert state_of(operation_id) is STATES.RUNNING
    assert perform(operation_id)["pid"] != os.getpid(), "the first step was done, and is not done again"
    assert state_of(operation_id) is STATES.SUCCEEDED


def test_work_stops_where_somebody_asked_for_it_and_can_be_taken_up_again(context: Flask, declared: Any) -> None:
    heard: list[Progress] = []
    wanted = ["cancel"]

    def run(work: Work) -> None:
        work.step("count", lambda: count(work))

    def count(work: Work) -> None:
        for number in range(1, 4):
            if number == 2 and wanted:
                wanted.clear()
                with unit_of_work():
                    cancel_operation(ACTOR, work.id)
            work.progress(number, 3)
            work.check()

    declared("test.cancel", run)
    operation_id = asked("test.cancel")
    with pytest.raises(OperationCancelled):
        perform(operation_id, heard.append)
    assert state_of(operation_id) is STATES.CANCELLED
    with unit_of_work(), pytest.raises(OperationEnded):
        cancel_operation(ACTOR, operation_id)
    with unit_of_work():
        retry_operation(ACTOR, operation_id, wake=False)
    perform(operation_id, heard.append)
    assert state_of(operation_id) is STATES.SUCCEEDED
    with unit_of_work(), pytest.raises(OperationNotRetryable):
        retry_operation(ACTOR, operation_id)
    assert heard[-1] == Progress("count", 3, 3)


def test_what_waits_and_is_cancelled_is_never_begun(context: Flask, declared: Any) -> None:
    declared("test.never", lambda _work: pytest.fail("it was cancelled"))
    operation_id = asked("test.never")
    with unit_of_work():
        cancel_operation(ACTOR, operation_id)
    with pytest.raises(OperationTaken):
        perform(operation_id)


def test_the_sweep_wakes_a_worker_though_redis_forgot_everything(context: Flask, declared: Any) -> None:
    declared("test.sweep", lambda _work: {"done": True})
    with unit_of_work():
        operation_id = request_operation(ACTOR, "test.sweep").id
    redis_connection().flushdb()
    with quiet_queues():
        sweep_operations()
        sweep_operations()
        (job,) = queue_named("long").get_jobs()
        worker.perform(*job.args)
    assert state_of(operation_id) is STATES.SUCCEEDED


def test_what_may_be_tried_again_by_itself_rests_first(context: Flask, alpha: str, declared: Any) -> None:
    def run(_work: Work) -> None:
        raise Broken

    declared("test.again", run, takes_hospital=True, retry_seconds=60)
    operation_id = asked("test.again", alpha)
    with pytest.raises(Broken):
        perform(operation_id)
    with unit_of_work() as session:
        assert list_to_retry() == []
        session.execute(sa.update(Operation).values(finished_at=sa.func.now() - timedelta(minutes=3)))
        assert list_to_retry() == [operation_id]
    asked("test.again", alpha)
    with unit_of_work():
        assert list_to_retry() == [], "somebody has asked anew"


def test_a_kind_of_a_newer_release_is_left_to_it(context: Flask, declared: Any) -> None:
    declared("test.newer", lambda _work: None)
    asked("test.newer")
    with hidden("test.newer"), unit_of_work():
        assert list_waiting() == []
        (row,) = [get_operation(found).row for found in _all_ids()]
        assert row.kind == "test.newer"


@pytest.mark.parametrize("runner", ["", None, "x", "a:b:c", f"{os.uname().nodename}:1:x"])
def test_nobody_is_declared_dead_who_may_live_elsewhere(runner: str | None) -> None:
    assert not leases.is_dead(runner)


def test_a_process_of_this_machine_that_is_gone_is_dead() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert leases.is_dead(leases.new_runner().replace(f":{os.getpid()}:", f":{child.pid}:"))
    assert not leases.is_dead(leases.new_runner())


def _all_ids() -> list[UUID]:
    with unit_of_work() as session:
        return list(session.scalars(sa.select(Operation.id)))


@contextmanager
def hidden(name: str) -> Iterator[None]:
    kind = kinds._kinds.pop(name)
    try:
        yield
    finally:
        kinds._kinds[name] = kind


@contextmanager
def quiet_queues() -> Iterator[None]:
    try:
        yield
    finally:
        redis_connection().flushdb()
