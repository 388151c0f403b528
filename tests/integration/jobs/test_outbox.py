"""The relay gives committed events their place, and a reader who follows the places misses nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import OutboxEvent
from app.domain.audit.operations import record_change
from app.domain.audit.outbox import has_events, place_events, read_events
from app.tenancy.binding import bind_hospital
from tests.support.platform import ACTOR


def tell(kind: str = "staff.create") -> None:
    record_change(ACTOR, kind, subject_type="staff", subject_id=new_id(), event={})


def test_events_are_placed_in_the_order_of_their_sequence(bound, alpha: str) -> None:
    with bound(alpha):
        for number in range(5):
            tell(f"event.{number}")
    with bound(alpha):
        assert has_events(0)
        assert place_events() == 5
        assert place_events() == 0
    with bound(alpha):
        events = read_events(0)
        assert [event.kind for event in events] == [f"event.{number}" for number in range(5)]
        assert [event.position for event in events] == sorted(event.position for event in events)
        assert not has_events(events[-1].position)
        assert read_events(events[2].position, limit=1) == [events[3]]


def test_a_limit_takes_the_oldest_first(bound, alpha: str) -> None:
    with bound(alpha):
        for number in range(4):
            tell(f"event.{number}")
    with bound(alpha):
        assert place_events(limit=3) == 3
        assert [event.kind for event in read_events(0)] == ["event.0", "event.1", "event.2"]


def test_an_event_committed_late_gets_a_later_place_and_is_not_skipped(app: Flask, bound, alpha: str) -> None:
    told, commit = threading.Event(), threading.Event()

    def slow() -> None:
        with bound(alpha):
            tell("slow")
            told.set()
            assert commit.wait(60)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(slow)
        assert told.wait(60)
        with bound(alpha):
            tell("quick")
        with bound(alpha):
            assert place_events() == 1
        with bound(alpha):
            (quick,) = read_events(0)
        commit.set()
        running.result()
    with bound(alpha):
        assert place_events() == 1
        (slow_event,) = read_events(quick.position)
        assert (quick.kind, slow_event.kind) == ("quick", "slow")
        sequences = dict(db.session.execute(sa.select(OutboxEvent.kind, OutboxEvent.sequence)).all())
        assert sequences["slow"] < sequences["quick"]


def test_relays_at_once_give_every_event_one_place(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        for _ in range(60):
            tell()

    def relay() -> int:
        placed = 0
        with app.app_context(), bind_hospital(alpha):
            while True:
                with unit_of_work():
                    some = place_events(limit=7)
                if not some:
                    return placed
                placed += some

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: relay(), range(4))) == 60
    with bound(alpha):
        events = read_events(0)
        assert len({event.position for event in events}) == 60
        in_order = db.session.scalars(sa.select(OutboxEvent.id).order_by(OutboxEvent.sequence)).all()
        assert [event.id for event in events] == list(in_order)
