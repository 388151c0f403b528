"""Short notices that all processes see, in Redis: each with an end, and never the only place where something stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from app.core.circuit import Circuit

REST_SECONDS = 2.0


class NoticeboardAway(Exception):
    """Redis does not answer, or did not a moment ago."""


class Noticeboard:
    """What stands under names of `app.core.keys`; after a failure nobody asks for a while."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._circuit = Circuit(REST_SECONDS, monotonic)

    def read(self, *names: str) -> list[bytes | None]:
        """Return what stands under the names, in one command; raises NoticeboardAway."""
        return cast("list[bytes | None]", self._ask(lambda: self._redis.mget(names)))

    def put(self, name: str, notice: bytes, seconds: int) -> None:
        """Put a notice up for so long, over whatever stood there; raises NoticeboardAway."""
        self._ask(lambda: self._redis.set(name, notice, ex=seconds))

    def put_first(self, name: str, notice: bytes, seconds: int) -> bool:
        """Put a notice up where none is, and tell whether it was; raises NoticeboardAway."""
        return bool(self._ask(lambda: self._redis.set(name, notice, nx=True, ex=seconds)))

    def _ask(self, command: Callable[[], object]) -> object:
        if self._circuit.is_open():
            raise NoticeboardAway
        try:
            return command()
        except RedisError as error:
            self._circuit.open()
            raise NoticeboardAway(type(error).__name__) from error
