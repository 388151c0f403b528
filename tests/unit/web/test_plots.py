"""Plots: places stay inside the frame, axes are round, and words and table say what the curves show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import given
from hypothesis import strategies as st

from app.web.plots import Band, Bar, Point, Series, bar_plot, line_plot, sparkline
from app.web.plots.axes import nice_steps

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda value: round(value, 2))


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    app = Flask("plots")
    Babel(app)
    with app.test_request_context():
        yield


def days(*values: object) -> list[Point]:
    return [Point(NOON + timedelta(days=day), value) for day, value in enumerate(values)]  # type: ignore[arg-type]


@given(NUMBER, st.floats(min_value=0.01, max_value=1e6))
def test_the_steps_of_an_axis_are_few_and_hold_the_range(low: float, length: float) -> None:
    steps = nice_steps(low, low + length)
    assert 2 <= len(steps) <= 8
    assert steps[0] <= low + length * 1e-6
    assert steps[-1] >= low + length * (1 - 1e-6)


@given(st.integers(min_value=1, max_value=1_000_000))
def test_the_axis_of_counts_has_whole_numbers_only(most: int) -> None:
    steps = nice_steps(0.0, float(most), whole=True)
    assert all(step.is_integer() for step in steps)
    assert 2 <= len(steps) <= 8
    assert steps[-1] >= most


@given(st.lists(NUMBER, min_size=1, max_size=30))
def test_every_value_is_drawn_inside_the_frame(values: list[float]) -> None:
    app = Flask("plots")
    Babel(app)
    with app.test_request_context():
        plot = line_plot("p", "Pulse", [Series("Pulse", days(*values))])
    assert plot is not None
    for dot in plot.curves[0].dots:
        assert plot.left <= dot.x <= plot.width
        assert 0 <= dot.y <= plot.height


def test_a_curve_has_words_and_a_table_with_the_newest_first() -> None:
    points = [*days(Decimal("36.5")), Point(NOON + timedelta(days=1), Decimal("39.1"), "Fever")]
    plot = line_plot("t", "Temperature", [Series("Temperature", points)], unit="°C", bands=[Band(36, 37, "Usual")])
    assert plot is not None
    assert plot.table.rows == [["02/03/2026 19:00", "39,1 (Fever)"], ["01/03/2026 19:00", "36,5"]]
    assert "highest 39,1" in plot.words
    assert plot.curves[0].dots[1].flagged
    assert plot.shades[0].height > 0


def test_bars_are_stacked_and_their_table_has_every_series() -> None:
    plot = bar_plot("b", "Visits", [Bar("Mon", (3, 1)), Bar("Tue", (0, 2))], series=["Done", "No-show"], category="Day")
    assert plot is not None
    assert plot.table.rows == [["Mon", "3", "1"], ["Tue", "0", "2"]]
    first, second = plot.pieces[:2]
    assert first.y == pytest.approx(second.y + second.height)
    assert len(plot.pieces) == 3, "nothing is drawn for nothing"


def test_nothing_to_draw_is_said_by_none() -> None:
    assert sparkline(days(1), label="Pulse") is None
    assert line_plot("p", "Pulse", [Series("Pulse", [])]) is None
    assert bar_plot("b", "Visits", []) is None


def test_a_day_and_a_moment_stand_on_one_axis() -> None:
    plot = line_plot("p", "Weight", [Series("Weight", [Point(date(2026, 1, 1), 60), Point(date(2026, 2, 1), 61)])])
    assert plot is not None
    assert [tick.text for tick in plot.x_ticks] == ["01/01/2026", "01/02/2026"]
    assert re.fullmatch(r"M[\d.]+ [\d.]+( L[\d.]+ [\d.]+)*", plot.curves[0].path)
