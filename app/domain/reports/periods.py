"""The days that a report is about, and into which steps a plot of them is cut. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.core.errors import InvalidValue
from app.core.i18n import _l

MOST_DAYS = 5 * 366
DAYS_ONE_BY_ONE = 62
DAYS_BY_WEEK = 366


class Step(StrEnum):
    """How much time one mark of a plot stands for; the words are PostgreSQL's."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both of them included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def step(self) -> Step:
        """Return a step with which a plot has some tens of marks, not hundreds."""
        if self.days <= DAYS_ONE_BY_ONE:
            return Step.DAY
        return Step.WEEK if self.days <= DAYS_BY_WEEK else Step.MONTH

    def starts(self) -> list[date]:
        """Return the first day of every step, as PostgreSQL's date_trunc would: a week begins on Monday."""
        return sorted({start_of(self.first + timedelta(days=n), self.step) for n in range(self.days)})


def make_period(first: date, last: date) -> Period:
    """Return a period; raises InvalidValue for one that ends before it begins, or that is longer than five years."""
    if last < first:
        raise InvalidValue(_l("The last day is before the first."), field="until")
    if (last - first).days >= MOST_DAYS:
        raise InvalidValue(_l("Choose at most five years."), field="until")
    return Period(first, last)


def start_of(day: date, step: Step) -> date:
    """Return the first day of the step that a day belongs to."""
    if step is Step.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step is Step.WEEK else day


def quick_periods(today: date) -> dict[str, Period]:
    """Return the periods that are asked for most, by name."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return {
        "today": Period(today, today),
        "week": Period(today - timedelta(days=6), today),
        "month": Period(month, today),
        "last_month": Period(before.replace(day=1), before),
        "year": Period(today - timedelta(days=364), today),
    }
