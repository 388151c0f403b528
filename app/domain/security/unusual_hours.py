"""Noticing a sign-in at an hour at which somebody never signs in.

Hospitals work day and night, so that no hour is unusual by itself: a person's own hours count, once enough of them
are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

REMEMBERED = timedelta(days=60)
ENOUGH = 10
NEAR_MINUTES = 120
DAY_MINUTES = 24 * 60


def is_unusual_hour(now: datetime, earlier: Iterable[datetime], zone: ZoneInfo) -> bool:
    """Tell whether somebody with these earlier sign-ins never signs in at this time of the day.

    With fewer than ten of them in sixty days, nothing is known that could be unusual.
    """
    known = [_minute_of(moment, zone) for moment in earlier if moment > now - REMEMBERED]
    if len(known) < ENOUGH:
        return False
    minute = _minute_of(now, zone)
    return all(_apart(minute, other) > NEAR_MINUTES for other in known)


def _minute_of(moment: datetime, zone: ZoneInfo) -> int:
    local = moment.astimezone(zone)
    return local.hour * 60 + local.minute


def _apart(one: int, other: int) -> int:
    """Return how many minutes lie between two times of the day, over midnight where that is nearer."""
    distance = abs(one - other)
    return min(distance, DAY_MINUTES - distance)
