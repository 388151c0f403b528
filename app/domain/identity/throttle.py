"""Slowing down guesses: after some failures each further one costs a growing wait. Nobody is locked out."""

from __future__ import annotations

from datetime import datetime, timedelta

FREE_FAILURES = 4
LONGEST_WAIT = timedelta(minutes=15)


def wait_after(failures: int) -> timedelta:
    """Return how long the next try has to wait after so many failures in a row."""
    if failures <= FREE_FAILURES:
        return timedelta()
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), LONGEST_WAIT)


def seconds_left(throttled_until: datetime | None, now: datetime) -> int:
    """Return how many whole seconds a try has to wait still; 0 when it may come now."""
    if throttled_until is None or throttled_until <= now:
        return 0
    return int((throttled_until - now).total_seconds()) + 1
