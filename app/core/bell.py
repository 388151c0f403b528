"""The bell of the relay: a sorted set in Redis of the hospitals in which something was just committed.

Ringing twice is ringing once, and the set never holds more than there are hospitals. It is only a bell: when it is not
heard, the relay finds the same by looking.
"""

from __future__ import annotations

import time
from typing import Any, cast

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from app.core.circuit import Circuit
from app.core.keys import shared_name
from app.core.logging import get_logger
from app.core.queue import redis_connection

log = get_logger(__name__)

BELL = shared_name(None, "relay", "rung")
LISTENING = shared_name(None, "relay", "listening")
LISTENS_FOR = 10  # seconds after its last word in which a relay is taken to be there


def ring(code: str) -> bool | None:
    """Ring for a hospital; tell whether a relay listens, or None where Redis does not answer. Never raises."""
    circuit = cast(Circuit, current_app.extensions["redis_circuit"])
    if circuit.is_open():
        return None
    try:
        with redis_connection().pipeline(transaction=False) as both:
            both.zadd(BELL, {code: time.time()}, nx=True)
            both.exists(LISTENING)
            return bool(both.execute()[1])
    except RedisError as error:
        circuit.open()
        log.warning("bell not rung; the relay finds it by looking", error=type(error).__name__)
        return None


class Ear:
    """A relay's own connection to the bell, which may block."""

    def __init__(self, redis_url: str, seconds: float) -> None:
        self._seconds = seconds
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=seconds + 3, health_check_interval=30
        )

    def listen(self) -> str | None:
        """Say that a relay is there, and wait a little for the next hospital; raises RedisAway."""
        try:
            self._redis.set(LISTENING, 1, ex=LISTENS_FOR)
            heard = cast(Any, self._redis.bzpopmin(BELL, timeout=self._seconds))
        except RedisError as error:
            raise RedisAway(type(error).__name__) from error
        return heard[1].decode() if heard else None

    def close(self) -> None:
        """Go: who rings from now on is told that nobody listens."""
        try:
            self._redis.delete(LISTENING)
            self._redis.close()
        except RedisError as error:
            log.debug("bell not left", error=type(error).__name__)


class RedisAway(Exception):
    """Redis does not answer."""
