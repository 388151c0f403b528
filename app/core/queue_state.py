"""What queues hold, who works, and how it went: for those who watch. All of it is Redis's, and is gone with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from redis.exceptions import RedisError
from rq.utils import utcparse

from app.core import clock
from app.core.keys import PLATFORM, shared_name
from app.core.logging import get_logger
from app.core.queue import QUEUES, redis_connection
from app.core.queue_lanes import look

log = get_logger(__name__)

HOURS = 24
Question = ParamSpec("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class LaneState:
    """What one hospital has in a queue; `hospital` is None for the platform's own work."""

    hospital: str | None
    waiting: int
    oldest_seconds: float | None
    running: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: how many jobs wait, since when the first of them does, how many run, rest, and have workers."""

    name: str
    waiting: int
    oldest_seconds: float | None
    running: int
    resting: int
    workers: int
    lanes: tuple[LaneState, ...]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that was heard of lately."""

    name: str
    host: str
    pid: str
    queues: tuple[str, ...]
    busy: bool
    hospital: str | None
    born_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """How a kind of work ended last, and where."""

    at: datetime
    outcome: str
    seconds: float
    hospital: str | None


def _asking(question: Callable[Question, Answer]) -> Callable[Question, Answer | None]:
    """Answer None where Redis does not."""

    @wraps(question)
    def ask(*args: Question.args, **kwargs: Question.kwargs) -> Answer | None:
        try:
            return question(*args, **kwargs)
        except RedisError as error:
            log.warning("queues not seen", error=type(error).__name__)
            return None

    return ask


@_asking
def list_queue_states() -> list[QueueState]:
    """Return the state of every queue, or None where Redis does not answer."""
    return [_state_of(name) for name in QUEUES]


@_asking
def list_workers() -> list[WorkerState]:
    """Return the workers that were heard of within the time for which they hold a job."""
    queues: dict[str, list[str]] = {}
    for queue in QUEUES:
        names: Any = redis_connection().zrange(_name("workers", queue), 0, -1)
        for name in names:
            queues.setdefault(_text(name), []).append(queue)
    owners = {_text(worker): _text(job) for queue in QUEUES for job, worker in _all(_name("owners", queue)).items()}
    return [_worker(name, tuple(of), owners.get(name)) for name, of in sorted(queues.items())]


@_asking
def count_jobs() -> dict[tuple[str, str], int]:
    """Return how many jobs ended since Redis began, by lane and outcome."""
    found: dict[tuple[str, str], int] = {}
    for words, count in _all(shared_name(None, "jobs", "counts")).items():
        lane, _, outcome = _text(words).partition(" ")
        found[lane, outcome] = int(count)
    return found


@_asking
def count_failures() -> dict[str, int]:
    """Return how many jobs failed within a day, by lane."""
    hour = int(clock.now().timestamp() // 3600)
    found: dict[str, int] = {}
    for back in range(HOURS):
        for lane, count in _all(shared_name(None, "jobs", "failed", hour - back)).items():
            found[_text(lane)] = found.get(_text(lane), 0) + int(count)
    return found


@_asking
def list_last_runs() -> dict[str, LastRun]:
    """Return how each kind of work ended last, by its name."""
    found = {}
    for name, words in _all(shared_name(None, "jobs", "last")).items():
        at, outcome, seconds, lane = _text(words).split(" ")
        found[_text(name)] = LastRun(datetime.fromtimestamp(float(at), UTC), outcome, float(seconds), _hospital(lane))
    return found


@_asking
def list_asked() -> dict[str, datetime]:
    """Return when the schedule last asked for each thing."""
    asked = _all(shared_name(None, "jobs", "asked"))
    return {_text(name): datetime.fromtimestamp(float(at), UTC) for name, at in asked.items()}


def note_asked(name: str) -> None:
    """Remember that the schedule asked for something now; raises RedisError."""
    redis_connection().hset(shared_name(None, "jobs", "asked"), name, f"{clock.now().timestamp():.3f}")


def redis_answers() -> bool:
    """Tell whether Redis answers, within its short limits."""
    try:
        return bool(redis_connection().ping())
    except RedisError as error:
        log.warning("redis away", error=type(error).__name__)
        return False


def _state_of(queue: str) -> QueueState:
    redis, now = redis_connection(), clock.now()
    running = {_text(lane): int(count) for lane, count in _all(_name("running", queue)).items()}
    lanes = {
        lane: LaneState(_hospital(lane), waiting, _age(since, now), running.get(lane, 0))
        for lane, waiting, since in look(redis, queue)
    }
    for lane in running.keys() - lanes.keys():
        lanes[lane] = LaneState(_hospital(lane), 0, None, running[lane])
    ages = [lane.oldest_seconds for lane in lanes.values() if lane.oldest_seconds is not None]
    return QueueState(
        queue,
        sum(lane.waiting for lane in lanes.values()),
        max(ages, default=None),
        sum(running.values()),
        redis.zcard(_name("later", queue)),
        redis.zcard(_name("workers", queue)),
        tuple(sorted(lanes.values(), key=lambda lane: (-lane.waiting, -lane.running, lane.hospital or ""))),
    )


def _worker(name: str, queues: tuple[str, ...], job: str | None) -> WorkerState:
    facts: Any = redis_connection().hmget(f"rq:worker:{name}", "hostname", "pid", "birth")
    host, pid, birth = (_text(fact) if fact else "" for fact in facts)
    lane = job.partition("_")[0] if job else PLATFORM
    return WorkerState(name, host, pid, queues, job is not None, _hospital(lane), _moment(birth) if birth else None)


def _moment(text: str) -> datetime:
    moment = utcparse(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _age(since: str, now: datetime) -> float | None:
    return max(0.0, (now - _moment(since)).total_seconds()) if since else None


def _all(name: str) -> dict[Any, Any]:
    found: Any = redis_connection().hgetall(name)
    return dict(found)


def _name(what: str, queue: str) -> str:
    return shared_name(None, "jobs", what, queue)


def _hospital(lane: str) -> str | None:
    return None if lane == PLATFORM else lane


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word
