"""How much work waits on the queues, and for how long: for those who watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from redis.exceptions import RedisError
from rq.job import Job
from rq.serializers import JSONSerializer

from app.core import clock
from app.core.logging import get_logger
from app.core.queue import QUEUES, queue_named, redis_connection

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: how many jobs wait, and for how long the first of them has; None where none waits."""

    name: str
    waiting: int
    oldest_seconds: float | None


def list_queue_states() -> list[QueueState] | None:
    """Return the state of every queue, or None where Redis does not answer."""
    try:
        return [_state_of(name) for name in QUEUES]
    except RedisError as error:
        log.warning("queues not seen", error=type(error).__name__)
        return None


def redis_answers() -> bool:
    """Tell whether Redis answers, within its short limits."""
    try:
        return bool(redis_connection().ping())
    except RedisError as error:
        log.warning("redis away", error=type(error).__name__)
        return False


def _state_of(name: str) -> QueueState:
    queue = queue_named(name)
    first = queue.get_job_ids(0, 1)
    jobs = Job.fetch_many(first, connection=queue.connection, serializer=JSONSerializer) if first else []
    at = jobs[0].enqueued_at if jobs and jobs[0] is not None else None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return QueueState(name, queue.count, None if at is None else max(0.0, (clock.now() - at).total_seconds()))
