"""What is put on a queue, what a worker refuses, and what a portal notices of a Redis that is away: nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from redis.connection import Connection

from app.core import queue as core_queue
from app.core.circuit import Circuit
from app.core.ids import new_id
from app.core.queue import BadJob, Envelope, enqueue, init_queue, queue_named, sign, verify
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.jobs.worker import perform
from app.tenancy.binding import bind_hospital, bound_hospital, find_bound_hospital
from app.tenancy.errors import UnknownHospital
from tests.integration.jobs.conftest import QueueServer
from tests.support.platform import ACTOR, Platform


@contextmanager
def registered(name: str, run: Any, **facts: Any) -> Iterator[None]:
    core_queue.job(name, **{"queue": "hospital", "for_hospital": True, **facts})(run)
    try:
        yield
    finally:
        del core_queue._kinds[name]


def waiting(name: str = "hospital") -> list[Envelope]:
    return [verify(*job.args) for job in queue_named(name).jobs]


def test_a_job_is_signed_json_and_runs_bound_to_its_hospital(app: Flask, queue_server: QueueServer, alpha: str) -> None:
    seen: list[str] = []
    with app.app_context(), registered("look", lambda word: seen.append(f"{bound_hospital().code} {word}")):
        assert enqueue("look", hospital=alpha, word="here")
        (job,) = queue_named("hospital").jobs
        assert json.loads(json.loads(job.args[0])["body"])["hospital"] == alpha
        perform(*job.args)
        assert seen == ["alpha here"]
        assert find_bound_hospital() is None


def test_what_is_asked_for_twice_before_it_began_is_queued_once(
    app: Flask, queue_server: QueueServer, alpha: str, beta: str
) -> None:
    with app.app_context():
        assert enqueue("sync_hospital", hospital=alpha)
        assert enqueue("sync_hospital", hospital=alpha)
        assert enqueue("sync_hospital", hospital=beta)
        first, second = waiting()
        assert (first.hospital, second.hospital) == (alpha, beta)
        perform(sign(first))
        assert enqueue("sync_hospital", hospital=alpha)
        assert len(waiting()) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an envelope"),
        ("[]", "not an envelope"),
        ('{"body": "{}", "mac": "é"}', "not ours"),
        ('{"body": 7, "mac": null}', "not ours"),
    ],
)
def test_what_is_no_envelope_is_refused(app: Flask, text: str, why: str) -> None:
    with app.app_context(), pytest.raises(BadJob, match=why):
        perform(text)


def test_a_forged_or_altered_job_is_refused(app: Flask, platform: Platform, alpha: str, beta: str) -> None:
    with app.app_context():
        ours = json.loads(sign(Envelope("sync_hospital", alpha)))
        altered = {**ours, "body": ours["body"].replace("alpha", "beta")}
        with pytest.raises(BadJob, match="not ours"):
            perform(json.dumps(altered))
    elsewhere = platform.make_app(secret_key="s" * 40)
    with elsewhere.app_context():
        foreign = sign(Envelope("sync_hospital", alpha))
    with app.app_context(), pytest.raises(BadJob, match="not ours"):
        perform(foreign)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("os.system", None, {"command": "true"}),
        Envelope("sync_hospital", None),
        Envelope("check_health", "alpha"),
    ],
)
def test_a_signed_job_that_is_not_registered_so_is_refused(app: Flask, alpha: str, envelope: Envelope) -> None:
    with app.app_context(), pytest.raises(BadJob):
        perform(sign(envelope))


def test_a_job_for_an_unknown_hospital_is_left_alone(app: Flask) -> None:
    ran: list[int] = []
    with app.app_context(), registered("look", lambda: ran.append(1)):
        perform(sign(Envelope("look", "nowhere")))
        assert ran == []
        with pytest.raises(UnknownHospital), bind_hospital("nowhere"):
            pass


def test_a_change_wakes_the_sync_once_and_only_when_it_is_committed(
    app: Flask, queue_server: QueueServer, alpha: str
) -> None:
    with app.app_context(), bind_hospital(alpha):
        with unit_of_work():
            for _ in range(3):
                record_change(ACTOR, "staff.create", subject_type="staff", subject_id=new_id(), event={})
            assert waiting() == []
        assert [(one.name, one.hospital) for one in waiting()] == [("sync_hospital", alpha)]
        queue_named("hospital").empty()
        queue_server_flush(app)
        with pytest.raises(ZeroDivisionError), unit_of_work():
            record_change(ACTOR, "staff.create", subject_type="staff", subject_id=new_id(), event={})
            _ = 1 / 0
        with unit_of_work():
            record_change(ACTOR, "staff.update", subject_type="staff", subject_id=new_id())
        assert waiting() == []


def queue_server_flush(app: Flask) -> None:
    app.extensions["redis"].flushdb()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections to Redis that were tried."""
    tried: list[Connection] = []
    connect = Connection._connect

    def note(connection: Connection) -> Any:
        tried.append(connection)
        return connect(connection)

    monkeypatch.setattr(Connection, "_connect", note)
    return tried


def test_without_redis_a_change_is_committed_and_redis_is_not_asked_again_at_once(
    app: Flask, queue_server: QueueServer, bound, alpha: str, dialled: list[Connection]
) -> None:
    queue_server.kill()
    app.extensions["redis_circuit"] = Circuit(3600)
    dialled.clear()
    for _ in range(10):
        with bound(alpha):
            record_change(ACTOR, "staff.create", subject_type="staff", subject_id=new_id(), event={})
    assert len(dialled) == 1
    with app.app_context():
        assert app.extensions["redis_circuit"].is_open()
        assert not enqueue("sync_hospital", hospital=alpha)


def test_a_redis_that_swallows_packets_costs_one_short_wait(
    app: Flask, platform: Platform, alpha: str, dialled: list[Connection]
) -> None:
    init_queue(app, "redis://10.255.255.1:6379/0")  # nobody answers there, not even with a refusal
    app.extensions["redis_circuit"] = Circuit(3600)
    try:
        with app.app_context():
            for _ in range(3):
                assert not enqueue("sync_hospital", hospital=alpha)
        (asked,) = dialled
        assert 0 < asked.socket_connect_timeout < 1
    finally:
        init_queue(app, platform.redis_url)
