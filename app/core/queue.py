"""Putting work on a queue: signed JSON whose name comes from a registry. PostgreSQL stays the truth; Redis only wakes.

A JSON job could otherwise name any importable function, so a worker performs nothing that is not registered here
under a name and signed with the platform's key. In which order jobs are taken is said in `queue_lanes`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq.serializers import JSONSerializer

from app.core import clock
from app.core.circuit import Circuit
from app.core.ids import new_token
from app.core.keys import shared_name
from app.core.logging import get_logger
from app.core.queue_lanes import FairQueue, new_job_id, wake_name

log = get_logger(__name__)

VERSION = 2
PERFORM = "app.jobs.worker.perform"
QUEUES = ("fleet", "hospital", "long")

# A portal waits for Redis no longer than this, and after a failure does not ask again for a while.
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 1.0
REST_SECONDS = 5.0
# An envelope is performed for so long; who has performed it is remembered for as long, and an hour more.
VALID_SECONDS = 86_400
ENDED = "-"


class BadJob(Exception):
    """A job that was not signed here, was performed before, or names nothing that is registered; `code` says which."""

    def __init__(self, says: str, code: str = "malformed") -> None:
        super().__init__(says)
        self.code = code


@dataclass(frozen=True, slots=True)
class JobKind:
    """A registered kind of work.

    What is asked for again `once_within` so many seconds, before it has begun, is not queued twice. What
    `binds_itself` is given its hospital's code, because its last step belongs to the central database.
    """

    name: str
    run: Callable[..., None]
    queue: str
    for_hospital: bool
    timeout_seconds: int
    once_within: int | None = None
    binds_itself: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """One piece of work: what, for which hospital, with which arguments, asked for when."""

    name: str
    hospital: str | None
    args: dict[str, Any] = field(default_factory=dict)
    nonce: str = field(default_factory=new_token)
    at: float = field(default_factory=lambda: clock.now().timestamp())


_kinds: dict[str, JobKind] = {}


def job(
    name: str,
    *,
    queue: str,
    for_hospital: bool,
    timeout_seconds: int = 300,
    once_within: int | None = None,
    binds_itself: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a kind of work. One for a hospital runs bound to it."""

    def register(run: Callable[..., None]) -> Callable[..., None]:
        if queue not in QUEUES:
            raise ValueError(f"no worker watches the queue {queue!r}")
        if name in _kinds:
            raise ValueError(f"job {name!r} is registered twice")
        _kinds[name] = JobKind(name, run, queue, for_hospital, timeout_seconds, once_within, binds_itself)
        return run

    return register


def get_kind(name: str) -> JobKind:
    """Return a registered kind of work; raises BadJob."""
    if name not in _kinds:
        raise BadJob(f"no job is registered as {name!r}", "unknown")
    return _kinds[name]


def kind_of(run: Callable[..., None]) -> JobKind:
    """Return the kind of work that a function was registered as; raises BadJob."""
    for kind in _kinds.values():
        if kind.run is run:
            return kind
    raise BadJob(f"{run.__qualname__} is not registered as a job", "unknown")


def init_queue(app: Flask, redis_url: str) -> None:
    """Give an application its connection to Redis; nothing is connected before it is used."""
    app.extensions["redis"] = Redis.from_url(
        redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),  # redis-py tries ten times by itself, which a portal's reader would wait for
        health_check_interval=30,
    )
    app.extensions["redis_circuit"] = Circuit(REST_SECONDS)


def redis_connection() -> Redis:
    """Return the application's connection to Redis."""
    return cast(Redis, current_app.extensions["redis"])


def queue_named(name: str) -> FairQueue:
    """Return one of the queues that workers watch."""
    return FairQueue(name, connection=redis_connection(), serializer=JSONSerializer)


def enqueue(name: str, *, hospital: str | None = None, **args: Any) -> bool:
    """Ask a worker to do a piece of work soon; tell whether it could be asked.

    False means that Redis does not answer. What must happen is in PostgreSQL anyway, and the schedule finds it there.
    """
    kind = get_kind(name)
    if kind.for_hospital != (hospital is not None):
        raise ValueError(f"job {name!r} {'needs a' if kind.for_hospital else 'takes no'} hospital")
    envelope = Envelope(name, hospital, args)
    circuit = cast(Circuit, current_app.extensions["redis_circuit"])
    if circuit.is_open():
        return False
    try:
        if _claim(kind, envelope):
            push(envelope)
    except RedisError as error:
        circuit.open()
        log.warning("queue away; the schedule will find the work", job=name, error=type(error).__name__)
        return False
    return True


def begin(kind: JobKind, envelope: Envelope) -> None:
    """Say that a piece of work has begun: who asks from now on needs it done once more."""
    if kind.once_within is None:
        return
    with suppress(RedisError):  # the claim ends by itself
        redis_connection().delete(_claim_name(envelope))


def claim_again(kind: JobKind, envelope: Envelope, seconds: float) -> None:
    """Say that a piece of work will begin again by itself, so that nobody needs to ask for it until then."""
    if kind.once_within is None:
        return
    with suppress(RedisError):
        redis_connection().set(_claim_name(envelope), 1, ex=int(seconds) + kind.once_within)


def admit(envelope: Envelope, job_id: str) -> None:
    """Remember which job performs an envelope; raises BadJob for another one with the same, or one that is old.

    The same job may begin again: its worker may have died.
    """
    if clock.now().timestamp() - envelope.at > VALID_SECONDS:
        raise BadJob("asked for too long ago", "expired")
    redis, name, ours = redis_connection(), _seen_name(envelope), job_id[-12:]
    if redis.hsetnx(name, envelope.nonce, ours):
        redis.expire(name, VALID_SECONDS + 2 * 3600)
    elif redis.hget(name, envelope.nonce) != ours.encode():
        raise BadJob("performed before", "replayed")


def end(envelope: Envelope) -> None:
    """Remember that an envelope was performed: whoever brings it again is refused."""
    with suppress(RedisError):
        redis_connection().hset(_seen_name(envelope), envelope.nonce, ENDED)


def _seen_name(envelope: Envelope) -> str:
    return shared_name(None, "jobs", "seen", int(envelope.at // 3600))


def _claim(kind: JobKind, envelope: Envelope) -> bool:
    if kind.once_within is None:
        return True
    return bool(redis_connection().set(_claim_name(envelope), 1, nx=True, ex=kind.once_within))


def _claim_name(envelope: Envelope) -> str:
    which = json.dumps(envelope.args, sort_keys=True)
    return shared_name(envelope.hospital, "jobs", "asked", envelope.name, which)


def push(envelope: Envelope) -> str:
    """Put an envelope on its queue, in its hospital's lane, and wake a worker; return the job's id."""
    kind, job_id = get_kind(envelope.name), new_job_id(envelope.hospital)
    with redis_connection().pipeline() as pipeline:
        queue_named(kind.queue).enqueue(
            PERFORM, sign(envelope), job_id=job_id, job_timeout=kind.timeout_seconds, result_ttl=0, pipeline=pipeline
        )
        pipeline.lpush(wake_name(kind.queue), 1)
        pipeline.ltrim(wake_name(kind.queue), 0, 63)
        pipeline.execute()
    return job_id


def sign(envelope: Envelope) -> str:
    """Write an envelope as signed text."""
    body = json.dumps(
        {
            "version": VERSION,
            "name": envelope.name,
            "hospital": envelope.hospital,
            "args": envelope.args,
            "nonce": envelope.nonce,
            "at": envelope.at,
        },
        sort_keys=True,
    )
    return json.dumps({"body": body, "mac": _mac(body)})


def verify(text: str) -> Envelope:
    """Read a signed envelope; raises BadJob."""
    try:
        outer = json.loads(text)
        body, mac = str(outer["body"]), str(outer["mac"]).encode()
    except (ValueError, KeyError, TypeError) as error:
        raise BadJob("not an envelope") from error
    if not hmac.compare_digest(_mac(body).encode(), mac):
        raise BadJob("the signature is not ours", "forged")
    facts = json.loads(body)
    if facts["version"] != VERSION:
        raise BadJob(f"version {facts['version']} is not understood", "version")
    return Envelope(facts["name"], facts["hospital"], facts["args"], facts["nonce"], facts["at"])


def _mac(body: str) -> str:
    key = hashlib.sha256(b"job\x00" + current_app.config["SECRET_KEY"].encode()).digest()
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
