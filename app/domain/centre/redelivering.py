"""Telling a consumer once more of an event that it was passed by: what an operator's *retry* of a dead letter does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.queue import enqueue
from app.core.unit_of_work import unit_of_work
from app.domain.audit.consumers import find_consumer
from app.domain.audit.outbox import PlacedEvent
from app.tenancy.dead_letters import CannotRetry, QueueAway, retries
from app.tenancy.models import DeadLetter, LetterSource

JOB = "redeliver_event"


@retries(LetterSource.EVENT)
def ask_again(letter: DeadLetter, code: str | None) -> None:
    """Have a worker tell the event; raises CannotRetry where no such consumer is left, or QueueAway."""
    if code is None or find_consumer(letter.name) is None:
        raise CannotRetry
    if not enqueue(JOB, hospital=code, consumer=letter.name, event=letter.payload):
        raise QueueAway


def redeliver(consumer: str, event: dict[str, Any]) -> None:
    """Tell one event, in a unit of work of its own and out of order: its turn has passed. Raises what it raises."""
    known = find_consumer(consumer)
    if known is None:
        raise NotFound
    ids = {name: UUID(event[name]) for name in ("id", "subject_id")}
    with unit_of_work():
        known.handle([PlacedEvent(**{**event, **ids})])
