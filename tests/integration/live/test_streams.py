"""Event streams: who hears what, what is heard again after an outage, and who stops hearing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.core.live import publish
from tests.support.platform import Platform
from tests.support.streams import Reader, StreamProcess, cookies_of, stream_process, until

ALPHA = "/h/alpha/hospital/live?poll=1&topics="


@pytest.fixture(scope="module")
def streams(platform: Platform) -> Iterator[StreamProcess]:
    """One process for all tests of this file."""
    with stream_process(platform.environment()) as running:
        yield running


def tell(app: Flask, topic: str, **facts: Any) -> None:
    with app.app_context():
        assert publish(topic, **{"hospital": "alpha", **facts})


def test_a_page_hears_what_changes_in_its_hospital_and_concerns_it(
    app: Flask, alpha: str, beta: str, streams: StreamProcess, sign_in_staff: Any
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    cookie = cookies_of(doctor, ALPHA)
    tell(app, "queue", key="before")
    reader = Reader(streams.port, f"{ALPHA}queue,notices", cookie)
    assert reader.status == 200
    assert reader.answer.headers["X-Accel-Buffering"] == "no"
    until(lambda: "open" in reader.kinds(), "the stream is open")
    until(lambda: (streams.health() or {}).get("hears"), "Redis is listened to")

    tell(app, "queue", hospital="beta", key="elsewhere")
    tell(app, "worklist", key="not asked for")
    tell(app, "notices", whom="somebody else")
    tell(app, "queue", key="now")
    tell(app, "notices", whom=doctor.person["id"])
    until(lambda: reader.heard("notices"), "the notice is heard")
    assert [(event.data["topic"], event.data["key"]) for event in reader.events[1:]] == [
        ("queue", "now"),
        ("notices", ""),
    ]
    reader.close()
