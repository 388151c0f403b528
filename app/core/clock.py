"""The only source of time, so that tests can set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_fixed: ContextVar[datetime | None] = ContextVar("fixed_time", default=None)


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC)


def fixed() -> datetime | None:
    """Return the moment at which the clock is held, or None where it goes."""
    return _fixed.get()


def today(zone: ZoneInfo) -> date:
    """Return the calendar day that it is now in a time zone."""
    return now().astimezone(zone).date()


@contextmanager
def frozen_at(moment: datetime) -> Iterator[None]:
    """Hold the clock at one aware moment in this thread of work."""
    if moment.tzinfo is None:
        raise ValueError("a frozen moment must be aware")
    token = _fixed.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _fixed.reset(token)
