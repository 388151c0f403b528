"""Which days a report is about, how they are put together, and what is worked out from counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.core.errors import InvalidValue
from app.domain.reports.blocks import block_of
from app.domain.reports.measures import every_step, minutes_each, percent
from app.domain.reports.periods import Period, Step, make_period, quick_periods

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("first", "last", "step", "marks"),
    [
        (TODAY, TODAY, Step.DAY, 1),
        (date(2026, 9, 21), TODAY, Step.DAY, 62),
        (date(2026, 9, 20), TODAY, Step.WEEK, 10),
        (date(2025, 11, 21), TODAY, Step.WEEK, 53),
        (date(2024, 1, 1), TODAY, Step.MONTH, 35),
    ],
)
def test_a_plot_has_tens_of_marks_whatever_the_period(first: date, last: date, step: Step, marks: int) -> None:
    period = make_period(first, last)
    assert (period.step, len(period.starts())) == (step, marks)


def test_a_week_begins_on_its_monday_and_a_month_on_its_first() -> None:
    assert Period(date(2026, 9, 1), TODAY).starts()[0] == date(2026, 8, 31)
    assert Period(date(2024, 1, 15), TODAY).starts()[0] == date(2024, 1, 1)


@pytest.mark.parametrize(("first", "last"), [(TODAY, date(2026, 11, 20)), (date(2020, 1, 1), TODAY)])
def test_a_period_that_ends_before_it_begins_or_is_too_long_is_refused(first: date, last: date) -> None:
    with pytest.raises(InvalidValue):
        make_period(first, last)


def test_last_month_is_the_whole_month_before() -> None:
    assert quick_periods(date(2026, 3, 31))["last_month"] == Period(date(2026, 2, 1), date(2026, 2, 28))


def test_nothing_is_worked_out_from_nothing() -> None:
    assert percent(1, 0) is None
    assert minutes_each(0, 0) is None
    assert (percent(1, 3), minutes_each(100, 3)) == (Decimal("33.3"), Decimal("0.6"))


def test_days_on_which_nothing_happened_are_noughts() -> None:
    rows = every_step([], Period(date(2026, 11, 20), TODAY))
    assert [(row.starts, row.visits, row.over_60) for row in rows] == [(date(2026, 11, 20), 0, 0), (TODAY, 0, 0)]


def test_a_category_has_its_narrowest_block_and_what_is_none_has_none() -> None:
    assert (block_of("I10").code, block_of("I10").title("vi")) == ("I10-I15", "Bệnh tăng huyết áp")
    assert block_of("M54").code == "M50-M54"
    assert block_of("ZZZ").code == ""
