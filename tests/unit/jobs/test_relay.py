"""Whom a relay visits: one hospital at a time each, once for many bells, once more for a bell during a visit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.core.child_process import wait_until
from app.jobs.relay import Relay

Start = Callable[[Callable[[str, bool], None]], Relay]


@pytest.fixture
def start() -> Iterator[Start]:
    """A relay of two threads that makes the visits it is given."""
    running: list[Relay] = []

    def begin(visit: Callable[[str, bool], None]) -> Relay:
        relay = Relay(Flask("relay"), visit, 2)
        relay.start()
        running.append(relay)
        return relay

    yield begin
    for relay in running:
        relay.stop()


def test_many_bells_are_one_visit_and_one_during_it_is_one_more(start: Start) -> None:
    visited: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def visit(code: str, _rung: bool) -> None:
        visited.append(code)
        begun.set()
        assert go_on.wait(60)

    relay = start(visit)
    relay.ask("a", rung=True)
    assert begun.wait(60)
    for _ in range(5):
        relay.ask("a", rung=True)
        relay.ask("a", rung=False)
    relay.ask("b", rung=True)
    assert wait_until(lambda: "b" in visited, 60, every=0.01), "another hospital does not wait for it"
    go_on.set()
    assert wait_until(lambda: len(visited) == 3, 60, every=0.01)
    assert sorted(visited) == ["a", "a", "b"]


def test_what_failed_is_left_alone_until_it_rings(start: Start) -> None:
    visited: list[tuple[str, bool]] = []

    def visit(code: str, rung: bool) -> None:
        visited.append((code, rung))
        if len(visited) == 1:
            raise ZeroDivisionError

    relay: Any = start(visit)
    relay.ask("a", rung=False)
    assert wait_until(lambda: relay._resting, 60, every=0.01)
    relay.ask("a", rung=False)
    relay.ask("a", rung=True)
    assert wait_until(lambda: len(visited) == 2, 60, every=0.01)
    assert visited == [("a", False), ("a", True)]
