"""Time has one source, and tests can hold it."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core import clock

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_today_is_the_hospitals_day_not_the_servers() -> None:
    with clock.frozen_at(datetime(2026, 1, 1, 17, 30, tzinfo=UTC)):
        assert clock.today(SAIGON) == date(2026, 1, 2)
        assert clock.today(ZoneInfo("UTC")) == date(2026, 1, 1)


def test_a_frozen_moment_is_let_go_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), clock.frozen_at(datetime(2001, 1, 1, tzinfo=UTC)):
        _ = 1 / 0
    assert clock.now().year > 2001


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"), clock.frozen_at(datetime(2026, 1, 1)):
        pass


def test_another_thread_keeps_the_real_time() -> None:
    years: list[int] = []
    with clock.frozen_at(datetime(2001, 1, 1, tzinfo=UTC)):
        thread = threading.Thread(target=lambda: years.append(clock.now().year))
        thread.start()
        thread.join()
    assert years[0] > 2001
