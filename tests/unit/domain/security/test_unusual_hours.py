"""Which hours are unusual for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.security.unusual_hours import is_unusual_hour

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
DAY = datetime(2026, 3, 10, tzinfo=HANOI)


def at(hour: int, minute: int = 0, days_ago: int = 0) -> datetime:
    return (DAY - timedelta(days=days_ago)).replace(hour=hour, minute=minute).astimezone(UTC)


def habit(hour: int, times: int = 10) -> list[datetime]:
    return [at(hour, days_ago=day) for day in range(1, times + 1)]


@pytest.mark.parametrize("hour", [0, 3, 12, 23])
def test_of_somebody_new_nothing_is_known(hour: int) -> None:
    assert not is_unusual_hour(at(hour), habit(8, times=9), HANOI)


def test_who_works_nights_signs_in_at_night() -> None:
    assert not is_unusual_hour(at(1), habit(23), HANOI)
    assert is_unusual_hour(at(12), habit(23), HANOI)


def test_two_hours_before_or_after_are_usual() -> None:
    assert not is_unusual_hour(at(9, 30), [*habit(7), at(7, 30)], HANOI)
    assert is_unusual_hour(at(9, 31), [*habit(7), at(7, 30)], HANOI)


def test_what_was_long_ago_does_not_count() -> None:
    old = [at(2, days_ago=61 + day) for day in range(20)]
    assert is_unusual_hour(at(2), [*old, *habit(12)], HANOI)
    assert not is_unusual_hour(at(2), old, HANOI)
