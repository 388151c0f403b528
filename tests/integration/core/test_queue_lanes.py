"""Fair queues in a real Redis: whose turn it is, how many at once, and what becomes of what a dead worker had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask

from app.core.keys import shared_name
from app.core.queue import Envelope, enqueue, push, queue_named, redis_connection
from app.core.queue_lanes import DONE, FAILED, LOST, Lanes, Taken, Work, lane_of, new_job_id
from app.core.queue_state import count_failures, count_jobs, list_last_runs, list_queue_states, list_workers
from app.jobs.weights import weigh_hospitals
from tests.support.platform import Platform

QUEUE = "hospital"


@pytest.fixture
def ready(app: Flask) -> Iterator[None]:
    with app.app_context():
        redis_connection().flushdb()
        yield
        redis_connection().flushdb()


def worker(name: str = "first", *, lease: float = 30, at_once: int = 2, queues: tuple[str, ...] = (QUEUE,)) -> Lanes:
    return Lanes(redis_connection(), name, queues, lease=lease, at_once=at_once)


def ask(hospital: str | None, count: int = 1) -> list[str]:
    name = "sync_hospital" if hospital else "check_health"
    return [push(Envelope(name, hospital)) for _ in range(count)]


def taken_by(lanes: Lanes) -> Taken:
    found = lanes.take()
    assert found is not None
    return found


def come_due(what: str, job_id: str) -> None:
    """Let the time be over until which a job is held, or rests."""
    assert redis_connection().zadd(shared_name(None, "jobs", what, QUEUE), {job_id: 1}, xx=True, ch=True) == 1


def do_all(lanes: Lanes, most: int = 1_000) -> list[str | None]:
    """Take and end one job after the other; return whose they were."""
    order = []
    while len(order) < most and (taken := lanes.take()) is not None:
        order.append(lane_of(taken.job_id))
        redis_connection().delete(f"rq:job:{taken.job_id}")
        lanes.settle(taken, DONE, Work("sync_hospital"))
    return order


@pytest.mark.usefixtures("ready")
def test_a_hospital_with_one_job_is_next_however_many_another_has() -> None:
    ask("flood", 200)
    lanes = worker()
    do_all(lanes, 50)
    ask("small")
    assert "small" in do_all(lanes, 2)


@pytest.mark.usefixtures("ready")
def test_hospitals_have_their_turns_by_weight() -> None:
    redis_connection().hset(shared_name(None, "jobs", "weights"), mapping={"large": "2", "trial": "0.5"})
    for hospital in ("large", "usual", "trial"):
        ask(hospital, 40)
    assert Counter(do_all(worker(), 35)) == {"large": 20, "usual": 10, "trial": 5}


@pytest.mark.usefixtures("ready")
def test_who_was_away_has_saved_up_nothing() -> None:
    lanes = worker()
    ask("early", 100)
    do_all(lanes, 80)
    ask("late", 20)
    assert Counter(do_all(lanes, 20)) == {"early": 10, "late": 10}


@pytest.mark.usefixtures("ready")
def test_one_hospital_has_no_more_running_than_its_cap_and_never_every_worker() -> None:
    ask("flood", 10)
    crowd = [worker(f"w{number}") for number in range(4)]
    for one in crowd:
        one.hold(QUEUE)
    taken = [one.take() for one in crowd]
    assert [found is not None for found in taken] == [True, True, False, False]
    ask("small")
    assert lane_of(taken_by(crowd[2]).job_id) == "small"
    alone = worker("alone", queues=("fleet",))
    ask(None, 2)
    assert alone.take() is not None
    assert alone.take() is None, "the only worker of a queue has one at a time"


@pytest.mark.usefixtures("ready")
def test_what_is_no_job_any_more_is_passed_by() -> None:
    gone, there = ask("alpha", 2)
    redis_connection().delete(f"rq:job:{gone}")
    taken = worker().take()
    assert taken == Taken(QUEUE, there, 1)
    assert redis_connection().exists(f"rq:job:{gone}") == 0


@pytest.mark.usefixtures("ready")
def test_what_a_dead_worker_had_is_inherited_once_and_frees_its_hospital() -> None:
    (job,) = ask("alpha")
    dead, first, second = worker("dead", lease=60), worker("first"), worker("second")
    assert dead.take() is not None
    assert first.inherit(QUEUE) is None
    come_due("taken", job)
    assert [first.inherit(QUEUE), second.inherit(QUEUE)] == [Taken(QUEUE, job, 1), None]
    assert not dead.hold(QUEUE, job)
    assert dead.settle(Taken(QUEUE, job, 1), DONE, Work()) is None
    assert redis_connection().exists(f"rq:job:{job}") == 1, "what is another's is not ended"
    first.settle(Taken(QUEUE, job, 1), LOST, Work("sync_hospital"), again_in=0)
    assert second.take() == Taken(QUEUE, job, 2)
    assert count_jobs() == {("alpha", LOST): 1}


@pytest.mark.usefixtures("ready")
def test_what_failed_begins_again_after_a_rest_and_not_before() -> None:
    (job,) = ask("alpha")
    lanes = worker()
    taken = taken_by(lanes)
    lanes.settle(taken, FAILED, Work("sync_hospital"), again_in=60)
    assert lanes.take() is None
    come_due("later", job)
    assert lanes.take() == Taken(QUEUE, job, 2)
    assert count_failures() == {"alpha": 1}


@pytest.mark.usefixtures("ready")
def test_a_redis_that_forgot_everything_takes_no_job_from_who_does_it() -> None:
    (job,) = ask("alpha")
    lanes = worker()
    assert lanes.take() is not None
    redis_connection().flushdb()
    assert lanes.hold(QUEUE, job)
    (state,) = (one for one in list_queue_states() or [] if one.name == QUEUE)
    assert state.running == 1
    lanes.settle(Taken(QUEUE, job, 1), DONE, Work())
    (state,) = (one for one in list_queue_states() or [] if one.name == QUEUE)
    assert (state.running, state.lanes) == (0, ())


@pytest.mark.usefixtures("ready")
def test_what_was_given_up_and_is_done_after_all_names_its_letter() -> None:
    ask("alpha", 2)
    lanes, work = worker(), Work("sync_hospital", "the same work")
    first = taken_by(lanes)
    lanes.settle(first, FAILED, work)
    lanes.give_up(work, "the letter")
    second = taken_by(lanes)
    assert lanes.settle(second, DONE, work) == "the letter"


@pytest.mark.usefixtures("ready")
def test_whoever_watches_sees_lanes_workers_and_the_last_run() -> None:
    ask("alpha", 3)
    enqueue("check_health")
    lanes = worker()
    taken = taken_by(lanes)
    lanes.settle(taken, DONE, Work("sync_hospital", seconds=1.5))
    assert lanes.take() is not None
    states = {state.name: state for state in list_queue_states() or []}
    assert [(lane.hospital, lane.waiting, lane.running) for lane in states[QUEUE].lanes] == [("alpha", 1, 1)]
    assert (states["fleet"].waiting, states["fleet"].lanes[0].hospital) == (1, None)
    oldest = states["fleet"].oldest_seconds
    assert oldest is not None
    assert 0 <= oldest < 3600
    (seen,) = list_workers() or []
    assert (seen.name, seen.busy, seen.hospital) == ("first", True, "alpha")
    assert (list_last_runs() or {})["sync_hospital"].seconds == 1.5
    lanes.leave()
    assert list_workers() == []
    assert queue_named(QUEUE).count == 1
    queue_named(QUEUE).empty()
    assert queue_named(QUEUE).count == 0


@pytest.mark.parametrize(
    ("job_id", "lane"),
    [
        (new_job_id("bv-cho-ray"), "bv-cho-ray"),
        (new_job_id(None), None),
        ("0123abcd", None),
        ("Alpha_1", None),
        ("_1", None),
    ],
    ids=["of a hospital", "of the platform", "by chance", "in capitals", "without a lane"],
)
def test_a_jobs_id_says_its_lane(job_id: str, lane: str | None) -> None:
    assert lane_of(job_id) == lane


@pytest.mark.usefixtures("ready")
def test_a_hospitals_plan_says_its_weight(platform: Platform, alpha: str, beta: str) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET plan = 'large' WHERE code = %s", (alpha,))
        try:
            weigh_hospitals()
        finally:
            connection.execute("UPDATE hospitals SET plan = 'standard' WHERE code = %s", (alpha,))
    assert redis_connection().hgetall(shared_name(None, "jobs", "weights")) == {alpha.encode(): b"2.0"}
