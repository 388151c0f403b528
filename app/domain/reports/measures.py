"""What is worked out from counts: shares and averages. Nothing is worked out from nothing: then the answer is None."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace
from typing import Any

from app.domain.reports.models import VISITS, WAITS
from app.domain.reports.periods import Period

COUNTED = (*VISITS, "by_patients", "standing", *WAITS)


def minutes_each(seconds: int, count: int) -> Decimal | None:
    """Return minutes for each of them, to a tenth."""
    return _tenths(Decimal(seconds) / 60 / count) if count else None


def percent(part: int, whole: int) -> Decimal | None:
    """Return a share in percent, to a tenth."""
    return _tenths(100 * Decimal(part) / whole) if whole else None


def no_show_percent(row: Any) -> Decimal | None:
    """Return the share of those who did not come among those who had not called off."""
    return percent(row.no_shows, row.visits - row.cancelled)


def average_wait(row: Any) -> Decimal | None:
    """Return the minutes from arriving to being called in."""
    return minutes_each(row.wait_seconds, row.waited)


def average_consultation(row: Any) -> Decimal | None:
    """Return the minutes from being called in to the end."""
    return minutes_each(row.consult_seconds, row.consulted)


def total(rows: Iterable[Any], names: Iterable[str] = COUNTED) -> Any:
    """Return the sum of rows, column by column."""
    rows = list(rows)
    return SimpleNamespace(**{name: sum(getattr(row, name) for row in rows) for name in names})


def every_step(rows: Iterable[Any], period: Period) -> list[Any]:
    """Return a row for every step of a period; steps in which nothing happened have noughts."""
    found: dict[date, Any] = {row.starts: row for row in rows}
    nothing = dict.fromkeys(COUNTED, 0)
    return [found.get(start) or SimpleNamespace(starts=start, **nothing) for start in period.starts()]


def _tenths(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
