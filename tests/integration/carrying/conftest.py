"""Consumers of a test's own, and the relay as a process over a Redis that may be killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.audit import consumers
from app.domain.audit.models import AuditEntry
from app.domain.audit.operations import record_change
from app.domain.audit.outbox import PlacedEvent
from tests.integration.jobs.conftest import drain, queue_server, start  # noqa: F401 (fixtures)
from tests.support.platform import ACTOR

SEEN = "test.seen"


class Witness:
    """A consumer that writes an audit row for each event, and fails when told."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.fails: Callable[[PlacedEvent], bool] = lambda _event: False

    def hear(self, events: Sequence[PlacedEvent]) -> None:
        for event in events:
            self.told.append(event.position)
            record_change(ACTOR, SEEN, subject_type="event", subject_id=event.id)
            db.session.flush()
            if self.fails(event):
                raise ValueError("a consumer that does not like this")

    def effects(self) -> list[Any]:
        """Return which events had an effect in the bound hospital, once for each effect."""
        query = sa.select(AuditEntry.subject_id).where(AuditEntry.action == SEEN).order_by(AuditEntry.id)
        return list(db.session.scalars(query))


@pytest.fixture
def witness(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Witness:
    """The only consumer of this test."""
    monkeypatch.setattr(consumers, "_consumers", {})
    heard = Witness()
    consumers.consumer("witness")(heard.hear)
    return heard
