"""A circuit breaker: after a failure nobody asks again for a while, so that nobody waits for what is away."""

from __future__ import annotations

import time
from collections.abc import Callable


class Circuit:
    """Closed while things work; once opened, it closes by itself after a rest."""

    def __init__(self, rest_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rest_seconds = rest_seconds
        self._monotonic = monotonic
        self._closed_from = float("-inf")

    def is_open(self) -> bool:
        """Tell whether asking is to be spared."""
        return self._monotonic() < self._closed_from

    def open(self) -> None:
        """Note a failure."""
        self._closed_from = self._monotonic() + self._rest_seconds
