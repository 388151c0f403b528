"""Numbers to places: scales, round steps, and how values are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

from app.core.errors import Text
from app.core.formats.numbers import format_decimal
from app.web.plots.shapes import Moment, Number
from app.web.templates import hospital_zone

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 28


class Scale:
    """Numbers to places: straight, from one end to the other."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.span, self.start, self.length = low, (high - low) or 1.0, start, end - start

    def __call__(self, value: Number) -> float:
        return round(self.start + (float(value) - self.low) / self.span * self.length, 1)


def place_of(at: Moment) -> float:
    """Return where a moment stands on a line of numbers."""
    if isinstance(at, datetime):
        return at.timestamp()
    return datetime.combine(at, time(), hospital_zone()).timestamp() if isinstance(at, date) else float(at)


def span_of(values: Sequence[float]) -> tuple[float, float]:
    """Return a range with some room around the values; what is never negative does not go below zero."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or max(abs(high) * 0.1, 1.0)
    return (low - room if low < 0 or low - room > 0 else 0.0), high + room


def nice_steps(low: float, high: float, wanted: int = 5, *, whole: bool = False) -> list[float]:
    """Return round numbers that hold a range: steps of 1, 2, 2.5 or 5 times a power of ten, none broken if `whole`."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    rounds = (power * factor for factor in (1, 2, 2.5, 5, 10))
    step = next(one for one in rounds if one >= rough * 0.999 and not (whole and one % 1 and one > 1))
    if whole:
        step = max(step, 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def tidy(value: Number) -> Decimal:
    """Return a number as it is written, without what floating point adds."""
    return value if isinstance(value, Decimal) else Decimal(str(round(value, 3)))


def worded(value: Number, unit: Text = "") -> str:
    """Write a value with its unit."""
    return f"{format_decimal(tidy(value))} {unit}".strip()
