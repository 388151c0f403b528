"""Event streams: who hears what, what is heard again after an outage, and who stops hearing.

One process holds the streams of all tests here, over a Redis of its own that tests may stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.embedded import Services, start_services
from app.core.live import publish
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import StaffRole, StaffSession
from app.domain.identity.roles import _renew_sessions
from app.domain.identity.sessions import end_session
from app.domain.queueing.models import QueueScreen
from app.domain.queueing.screens import create_screen, revoke_screen
from app.tenancy.binding import bind_hospital, tenancy
from app.web.live import hold_streams
from tests.support.limits import limiter_kept
from tests.support.platform import ACTOR, Platform
from tests.support.streams import Reader, StreamProcess, cookies_of, stream_process, until

LIVE = "/h/alpha/hospital/live?poll=1&topics="
MOST = 210


@dataclass
class Stage:
    """A process with streams, its Redis, and an application that publishes there."""

    environment: dict[str, str]
    services: Services
    teller: Flask
    streams: StreamProcess

    def tell(self, topic: str = "queue", *, hospital: str = "alpha", key: str = "", whom: object = "") -> bool:
        with self.teller.app_context():
            return publish(topic, hospital=hospital, key=key, whom=whom)

    def open(self, browser: Any, topics: str = "queue", after: str | None = None, path: str = LIVE) -> Reader:
        reader = Reader(self.streams.port, path + topics, cookies_of(browser, path), after)
        assert reader.status == 200
        until(lambda: reader.events, "the stream is open")
        until(lambda: (self.streams.health() or {}).get("hears"), "Redis is listened to")
        return reader


@pytest.fixture(scope="module")
def stage(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with start_services(tmp_path_factory.mktemp("redis"), with_postgres=False) as services:
        environment = platform.environment() | {
            "REDIS_URL": services.redis_url,
            "STREAM_CHECK_SECONDS": "3",
            "STREAM_LIMIT": str(MOST),
            "STREAMS_PER_PERSON": str(MOST - 2),
        }
        with limiter_kept():
            teller = platform.make_app(redis_url=services.redis_url)
        with stream_process(environment) as streams:
            yield Stage(environment, services, teller, streams)
        with teller.app_context():
            tenancy().engines.dispose()
            db.engine.dispose()
            teller.extensions["redis"].close()


@pytest.fixture
def doctor(app: Flask, alpha: str, sign_in_staff: Callable[..., Any]) -> Any:
    return sign_in_staff(alpha, "doctor")


def keys(reader: Reader) -> list[str]:
    return [event.data["key"] for event in reader.events if event.kind == "change"]


def test_a_page_hears_what_changes_in_its_hospital_and_concerns_it(stage: Stage, beta: str, doctor: Any) -> None:
    stage.tell(key="before")
    reader = stage.open(doctor, "queue,notices")
    assert reader.answer.headers["X-Accel-Buffering"] == "no"
    assert "no-store" in reader.answer.headers["Cache-Control"]
    stage.tell(hospital="beta", key="elsewhere")
    stage.tell("worklist", key="not asked for")
    stage.tell("notices", whom="somebody else")
    stage.tell(key="now")
    stage.tell("notices", whom=doctor.person["id"])
    until(lambda: reader.heard("notices"), "the notice is heard")
    assert [event.data for event in reader.events[1:]] == [
        {"topic": "queue", "key": "now"},
        {"topic": "notices", "key": ""},
    ]
    reader.close()


def test_who_may_not_hear_gets_no_stream(
    stage: Stage, app: Flask, alpha: str, beta: str, doctor: Any, sign_in_patient: Any
) -> None:
    own = cookies_of(doctor, LIVE)
    renamed = own.replace("vien-hospital-alpha", "vien-hospital-beta")
    patient = cookies_of(sign_in_patient(alpha), "/h/alpha/patient/live")
    port = stage.streams.port
    for path, cookie, status in (
        (f"{LIVE}queue", "", 303),
        ("/h/beta/hospital/live?poll=1&topics=queue", own, 303),
        ("/h/beta/hospital/live?poll=1&topics=queue", renamed, 303),
        (f"{LIVE}longwork", own, 403),
        (f"{LIVE}operations", own, 403),
        ("/h/alpha/patient/live?poll=1&topics=worklist", patient, 403),
        ("/h/alpha/hospital/screen/no-such-token/live", "", 404),
        ("/admin/live?poll=1&topics=operations", own, 303),
        ("/h/alpha/hospital/today", own, 404),
    ):
        assert Reader(port, path, cookie).status == status, path
    assert doctor.get(f"{LIVE}queue").status_code == 404, "a process that serves pages holds no stream"


def test_what_was_missed_is_heard_from_the_last_event_on(stage: Stage, doctor: Any) -> None:
    first = stage.open(doctor)
    stage.tell(key="heard")
    until(lambda: keys(first) == ["heard"], "the first is heard")
    last = first.events[-1].id
    first.close()
    for key in ("missed", "twice", "twice", "last"):
        stage.tell(key=key)
    again = stage.open(doctor, after=last)
    until(lambda: keys(again) == ["missed", "twice", "last"], "each is heard, in order, once")
    again.close()
    too_old = stage.open(doctor, after="1-1")
    until(lambda: "everything" in too_old.kinds(), "who was away for too long reads everything again")
    too_old.close()


def test_redis_stopped_while_a_stream_is_open(stage: Stage, doctor: Any) -> None:
    reader = stage.open(doctor)
    stage.tell(key="before")
    until(lambda: keys(reader) == ["before"], "it is heard")
    assert stage.services.valkey is not None
    stage.services.valkey.stop()
    until(lambda: stage.tell(key="into the void") is False, "Redis is away")
    assert not reader.ended.is_set()
    stage.services.revive()
    until(lambda: "everything" in reader.kinds(), "what nobody could be told of is read again")
    until(lambda: stage.tell(key="after"), "publishing works again")
    until(lambda: "after" in keys(reader), "the same stream goes on")
    reader.close()


@pytest.mark.parametrize("how", ["signed out", "role taken away"])
def test_a_stream_ends_when_the_application_takes_its_holders_right(
    how: str, stage: Stage, alpha: str, doctor: Any
) -> None:
    """It hears of that: the process here would look for itself after an hour only."""
    with stream_process(stage.environment, STREAM_CHECK_SECONDS="3600") as told:
        reader = Stage(stage.environment, stage.services, stage.teller, told).open(doctor)
        own_id = doctor.person["id"]
        with stage.teller.app_context(), bind_hospital(alpha), unit_of_work():
            if how == "signed out":
                end_session("hospital", db.session.scalars(sa.select(StaffSession.id)).one())
            else:
                role_id = db.session.scalars(sa.select(StaffRole.role_id).where(StaffRole.staff_id == own_id)).one()
                _renew_sessions(role_id)
                db.session.execute(sa.delete(StaffRole).where(StaffRole.staff_id == own_id))
        assert reader.ended.wait(60)
        assert reader.kinds()[-1] == "over"
        reader.close()


def test_a_stream_ends_when_its_holders_session_was_ended_behind_everybodys_back(
    stage: Stage, alpha: str, doctor: Any
) -> None:
    """Then the next re-check finds it."""
    reader = stage.open(doctor)
    with stage.teller.app_context(), bind_hospital(alpha), unit_of_work():
        db.session.execute(sa.update(StaffSession).values(ended_at=sa.func.now()))
    assert reader.ended.wait(60)
    assert reader.kinds()[-1] == "over"
    reader.close()


def test_a_screen_on_the_wall_goes_dark_when_it_is_taken_away(stage: Stage, alpha: str) -> None:
    with stage.teller.app_context(), bind_hospital(alpha), unit_of_work() as session:
        token = create_screen(ACTOR, "Sảnh", None)
        screen_id = session.scalars(sa.select(QueueScreen.id)).one()
    reader = Reader(stage.streams.port, f"/h/alpha/hospital/screen/{token}/live", "")
    assert reader.status == 200
    with stage.teller.app_context(), bind_hospital(alpha), unit_of_work():
        revoke_screen(ACTOR, screen_id)
    assert reader.ended.wait(60)
    assert reader.kinds()[-1] == "over"
    reader.close()


def test_many_streams_in_one_process_hear_at_once_and_one_too_many_is_told_to_wait(stage: Stage, doctor: Any) -> None:
    until(lambda: (stage.streams.health() or {})["streams"] <= 4, "what other tests opened is gone")
    cookie = cookies_of(doctor, LIVE)
    readers = [Reader(stage.streams.port, f"{LIVE}queue", cookie) for _each in range(200)]
    assert {reader.status for reader in readers} == {200}
    until(lambda: all(reader.events for reader in readers), "all are open")
    stage.tell(key="all")
    assert doctor.get("/h/alpha/hospital/today").status_code == 200
    until(lambda: all(keys(reader) == ["all"] for reader in readers), "all hear")
    full = [Reader(stage.streams.port, f"{LIVE}queue", cookie) for _each in range(MOST - 200)]
    assert full[-1].status == 503
    assert int(full[-1].answer.headers["Retry-After"]) > 0
    for reader in [*readers, *full]:
        reader.close()


def test_a_process_that_stops_sends_its_pages_elsewhere_and_one_that_is_killed_loses_nothing(
    stage: Stage, doctor: Any
) -> None:
    with stream_process(stage.environment) as second:
        elsewhere = Stage(stage.environment, stage.services, stage.teller, second)
        reader = elsewhere.open(doctor)
        last = reader.events[-1].id
        second.process.terminate()
        assert reader.ended.wait(60)
        assert reader.kinds()[-1] == "moving"
        reader.close()
        second.process.wait(timeout=60)
        assert stage.tell(key="meanwhile")
    with stream_process(stage.environment, second.port) as third:
        reader = Stage(stage.environment, stage.services, stage.teller, third).open(doctor, after=last)
        until(lambda: keys(reader) == ["meanwhile"], "what happened in between is heard")
        last = reader.events[-1].id
        third.kill()
        assert reader.ended.wait(60)
        reader.close()
    stage.tell(key="after the kill")
    reader = stage.open(doctor, after=last)
    until(lambda: keys(reader) == ["after the kill"], "another process goes on")
    reader.close()


def test_pages_do_not_know_the_hub(app: Flask, platform: Platform, tmp_path: Path) -> None:
    other = platform.make_app()
    assert "live_hub" not in other.extensions
    assert hold_streams(other) is other.extensions["live_hub"]
