"""What becomes of a job that ended: begun again, given up with a letter, refused with an event; each exactly once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.queue import BadJob, Envelope, enqueue, get_kind, push, redis_connection, sign
from app.core.queue_lanes import Lanes, Taken
from app.core.queue_state import list_queue_states
from app.jobs.settling import ORPHANED, Ending, reason_of, settle
from app.tenancy.dead_letters import LetterFilter, list_dead_letters
from app.tenancy.models import DeadLetterState
from tests.integration.jobs.conftest import away
from tests.support.platform import Platform

NOTHING = LetterFilter(state=None)


@pytest.fixture
def lanes(app: Flask) -> Iterator[Lanes]:
    with app.app_context():
        redis_connection().flushdb()
        yield Lanes(redis_connection(), "worker", ("hospital",), lease=30, at_once=2)
        redis_connection().flushdb()


def take(lanes: Lanes) -> Taken:
    found = lanes.take()
    assert found is not None
    return found


def resting() -> int:
    return sum(state.resting for state in list_queue_states() or [])


def test_a_job_that_fails_is_begun_three_times_and_becomes_one_letter(lanes: Lanes, alpha: str) -> None:
    envelope = Envelope("sync_hospital", alpha)
    push(envelope)
    for attempt in range(1, 4):
        taken = take(lanes)
        assert taken.attempt == attempt
        settle(lanes, taken, Ending("failed", "ValueError", sign(envelope)))
        for job in later():  # the rest is over
            redis_connection().zadd("platform:jobs:later:hospital", {job: 0})
    assert lanes.take() is None
    (letter,) = list_dead_letters(NOTHING).items
    assert (letter.name, letter.reason, letter.attempts) == ("sync_hospital", "ValueError", 3)
    assert (letter.hospital_code, letter.payload, letter.state) == (alpha, {}, DeadLetterState.OPEN)


def later() -> list[bytes]:
    return list(redis_connection().zrange("platform:jobs:later:hospital", 0, -1))


def test_while_it_rests_nobody_asks_for_it_anew(lanes: Lanes, alpha: str) -> None:
    envelope = Envelope("sync_hospital", alpha)
    push(envelope)
    settle(lanes, take(lanes), Ending("failed", "ValueError", sign(envelope)))
    assert resting() == 1
    assert enqueue("sync_hospital", hospital=alpha)
    assert lanes.take() is None
    assert get_kind("sync_hospital").once_within is not None


def test_what_kills_its_worker_each_time_is_given_up(lanes: Lanes, alpha: str) -> None:
    envelope = Envelope("sync_hospital", alpha)
    push(envelope)
    for _ in range(3):
        settle(lanes, take(lanes), Ending("started", ORPHANED, sign(envelope)))
    assert lanes.take() is None
    assert [letter.reason for letter in list_dead_letters(NOTHING).items] == [ORPHANED]


def test_a_letter_closes_by_itself_when_the_same_work_is_done_after_all(lanes: Lanes, alpha: str) -> None:
    envelope, again = Envelope("sync_hospital", alpha), Envelope("sync_hospital", alpha)
    push(envelope)
    settle(lanes, Taken("hospital", take(lanes).job_id, 3), Ending("failed", "ValueError", sign(envelope)))
    push(again)
    settle(lanes, take(lanes), Ending(None, text=sign(again)))
    db.session.expire_all()
    (letter,) = list_dead_letters(NOTHING).items
    assert (letter.state, letter.decided_name) == (DeadLetterState.RETRIED, "worker")


def test_without_the_central_database_a_job_is_kept_instead_of_given_up(
    lanes: Lanes, platform: Platform, alpha: str
) -> None:
    envelope = Envelope("sync_hospital", alpha)
    push(envelope)
    taken = Taken("hospital", take(lanes).job_id, 3)
    with away(platform, platform.central_name):
        settle(lanes, taken, Ending("failed", "OperationalError", sign(envelope)))
    assert resting() == 1
    assert list_dead_letters(NOTHING).total == 0


def test_what_is_refused_is_not_begun_again(lanes: Lanes, alpha: str) -> None:
    envelope = Envelope("sync_hospital", alpha)
    push(envelope)
    settle(lanes, take(lanes), Ending("failed", "refused replayed", sign(envelope)))
    assert lanes.take() is None
    assert (resting(), list_dead_letters(NOTHING).total) == (0, 0)


def test_a_reason_never_quotes_what_an_error_says() -> None:
    quoting = sa.exc.IntegrityError("INSERT", {}, ValueError("Nguyễn Văn A"))
    assert [reason_of(error) for error in (quoting, KeyError("Nguyễn"), BadJob("…", "replayed"), None)] == [
        "ValueError",
        "KeyError",
        "refused replayed",
        "killed",
    ]
