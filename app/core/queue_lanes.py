"""Fair queues over RQ's: a lane for each hospital, taken in turn by weight, with a cap on what one has running.

What a worker has taken is held for some seconds at a time. A job that nobody holds any more was orphaned: its worker
died with its horse, or lost its connection for too long. Whoever notices first inherits it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.commands.core import Script
from rq import Queue
from rq.job import Job

from app.core import queue_scripts
from app.core.keys import PLATFORM, shared_name

DONE, FAILED, LOST, REFUSED = "done", "failed", "lost", "refused"
_ID = re.compile(r"([a-z][a-z0-9-]*)_[0-9a-zA-Z_-]+")


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that this worker has, and how often it was begun, this time included."""

    queue: str
    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Work:
    """What a job was about: its name, what tells it from other work of this name, and how long it took."""

    name: str = ""
    key: str = ""
    seconds: float = 0.0


class FairQueue(Queue):
    """One of RQ's queues, whose jobs stand in lanes; seen as a whole, and emptied as a whole."""

    @property
    def count(self) -> int:
        """How many jobs wait."""
        return int(_run(self.connection, queue_scripts.COUNT, self.name))

    def get_job_ids(self, offset: int = 0, length: int = -1) -> list[str]:
        """Return the ids of jobs that wait, lane by lane."""
        ids = [one.decode() for one in _run(self.connection, queue_scripts.IDS, self.name)]
        return ids[offset:] if length < 0 else ids[offset : offset + length]

    def remove(self, job_or_id: Job | str, pipeline: Any = None) -> Any:
        """Take a job out, wherever it stands."""
        job_id = job_or_id if isinstance(job_or_id, str) else job_or_id.id
        return _run(self.connection, queue_scripts.REMOVE, self.name, job_id)

    def empty(self) -> int:
        """Throw away what waits; return how many."""
        ids = self.get_job_ids()
        for job_id in ids:
            self.remove(job_id)
            self.connection.delete(f"rq:job:{job_id}")
        return len(ids)


class Lanes:
    """What a worker asks of fair queues, in its own name."""

    def __init__(self, connection: Redis, worker: str, queues: Sequence[str], *, lease: float, at_once: int) -> None:
        self._connection, self._worker, self._queues = connection, worker, tuple(queues)
        self._lease, self._at_once = lease, at_once

    def take(self) -> Taken | None:
        """Take whose turn it is, from the first queue that has something for this worker."""
        found = self._run(queue_scripts.TAKE, self._lease, self._at_once, *self._queues)
        return None if found is None else Taken(found[0].decode(), found[1].decode(), int(found[2]))

    def wait(self, seconds: float) -> None:
        """Wait until something was queued or has ended, at most so long."""
        self._connection.blpop([wake_name(queue) for queue in self._queues], timeout=seconds)

    def hold(self, queue: str, job_id: str = "") -> bool:
        """Go on holding a job; False when another has inherited it. Without one, only say that this worker is there."""
        return bool(self._run(queue_scripts.HOLD, self._lease, queue, job_id))

    def settle(self, taken: Taken, outcome: str, work: Work, *, again_in: float = -1) -> str | None:
        """End a job, or have it begin again after so many seconds; not where another has inherited it.

        Return the id of the dead letter that the same work had, once it is done after all.
        """
        facts = (taken.queue, taken.job_id, outcome, again_in, work.name, f"{work.seconds:.3f}", work.key)
        found = self._run(queue_scripts.SETTLE, *facts)
        return found.decode() if isinstance(found, bytes) else None

    def give_up(self, work: Work, letter: str) -> None:
        """Remember which dead letter ends when the same work is done after all."""
        self._connection.hset(shared_name(None, "jobs", "given-up"), work.key, letter)

    def inherit(self, queue: str) -> Taken | None:
        """Take over a job that nobody holds any more."""
        found = self._run(queue_scripts.INHERIT, self._lease, queue)
        return None if found is None else Taken(queue, found[0].decode(), int(found[1]))

    def leave(self) -> None:
        """Say that this worker is no longer there."""
        self._run(queue_scripts.LEAVE, *self._queues)

    def _run(self, script: str, *arguments: Any) -> Any:
        return _run(self._connection, script, self._worker, *arguments)


def new_job_id(hospital: str | None) -> str:
    """Return an id that says in which lane a job stands."""
    return f"{hospital or PLATFORM}_{uuid4().hex}"


def lane_of(job_id: str) -> str | None:
    """Return the hospital that a job's id names; None for the platform's own, and for what was not made here."""
    found = _ID.fullmatch(job_id)
    return found[1] if found and found[1] != PLATFORM else None


def wake_name(queue: str) -> str:
    """Return the list that wakes whoever waits on a queue."""
    return shared_name(None, "jobs", "wake", queue)


def look(connection: Redis, queue: str) -> list[tuple[str, int, str]]:
    """Return each lane with what waits there, and since when its first job does."""
    found = _run(connection, queue_scripts.LOOK, queue)
    return [(lane.decode(), int(waiting), since.decode()) for lane, waiting, since in found]


@lru_cache(maxsize=16)
def _script(text: str) -> Script:
    return Script(None, text.encode())  # type: ignore[arg-type]


def _run(connection: Redis, text: str, *arguments: Any) -> Any:
    return _script(text)(args=list(arguments), client=connection)
