"""Bars that begin at zero: upright for days, lying where their words are long."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.core.errors import Text
from app.core.formats.numbers import format_decimal
from app.core.i18n import _
from app.web.plots.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, nice_steps, tidy, worded
from app.web.plots.shapes import Bar, BarLabel, BarPlot, Number, Piece, Table, Tick

ROW, LABEL_WIDTH, LONGEST_LABEL = 26, 200, 27


def bar_plot(
    name: str,
    title: Text,
    bars: Sequence[Bar],
    *,
    series: Sequence[Text] = (),
    unit: Text = "",
    category: Text = "",
    lying: bool = False,
) -> BarPlot | None:
    """Shape bars that begin at zero: upright for days, lying where labels are long. None where there is no bar."""
    if not bars:
        return None
    names = list(series) or [title]
    top = max(sum(float(value) for value in bar.values) for bar in bars)
    counts = all(float(value).is_integer() for bar in bars for value in bar.values)
    steps = nice_steps(0.0, top or 1.0, whole=counts)
    if lying:
        height = TOP + ROW * len(bars) + BOTTOM
        along, left = Scale(0.0, steps[-1], LABEL_WIDTH, WIDTH - RIGHT * 3), LABEL_WIDTH
        pieces, labels = _lying(bars, names, along, unit)
    else:
        height, along, left = HEIGHT, Scale(0.0, steps[-1], HEIGHT - BOTTOM, TOP), LEFT
        pieces, labels = _upright(bars, names, along, unit)
    rows = [[bar.label, *(format_decimal(tidy(value)) for value in bar.values)] for bar in bars]
    headers: list[Text] = [category, *(f"{each} ({unit})" if unit else each for each in names)]
    ticks = [Tick(along(step), format_decimal(tidy(step))) for step in steps]
    words = _bar_words(bars, unit)
    table = Table(headers, rows)
    return BarPlot(name, title, unit, lying, names, pieces, labels, ticks, words, table, WIDTH, height, left)


def _bar_words(bars: Sequence[Bar], unit: Text) -> str:
    most = max(bars, key=lambda bar: sum(float(value) for value in bar.values))
    total = sum((tidy(value) for value in most.values), Decimal())
    return _(
        "%(count)s bars; the longest is %(label)s with %(value)s.",
        count=len(bars),
        label=most.label,
        value=worded(total, unit),
    )


def _piece_text(bar: Bar, name: Text, value: Number, unit: Text, alone: bool) -> str:
    said = worded(value, unit)
    return f"{bar.label}: {said}" if alone else f"{bar.label}, {name}: {said}"


def _upright(bars: Sequence[Bar], names: Sequence[Text], y: Scale, unit: Text) -> tuple[list[Piece], list[BarLabel]]:
    room = (WIDTH - LEFT - RIGHT) / len(bars)
    width = round(min(room * 0.72, 48), 1)
    pieces, labels, free = [], [], 0.0
    for number, bar in enumerate(bars):
        middle, reached = round(LEFT + room * (number + 0.5), 1), 0.0
        for series, value in enumerate(bar.values):
            top, bottom = y(reached + float(value)), y(reached)
            text = _piece_text(bar, names[series], value, unit, len(names) == 1)
            if value:
                pieces.append(Piece(round(middle - width / 2, 1), top, width, round(bottom - top, 1), series, text))
            reached += float(value)
        if middle >= free:  # words that would run into each other are left to the table
            labels.append(BarLabel(middle, HEIGHT - BOTTOM + 18, bar.label, bar.label))
            free = middle + max(room, len(bar.label) * 6.5 + 8)
    return pieces, labels


def _lying(bars: Sequence[Bar], names: Sequence[Text], x: Scale, unit: Text) -> tuple[list[Piece], list[BarLabel]]:
    pieces, labels = [], []
    for number, bar in enumerate(bars):
        y, reached = TOP + ROW * number, 0.0
        for series, value in enumerate(bar.values):
            start, end = x(reached), x(reached + float(value))
            text = _piece_text(bar, names[series], value, unit, len(names) == 1)
            if value:
                pieces.append(Piece(start, y + 4, round(end - start, 1), ROW - 8, series, text))
            reached += float(value)
        cut = bar.label if len(bar.label) <= LONGEST_LABEL else bar.label[: LONGEST_LABEL - 1].rstrip() + "…"
        labels.append(BarLabel(LABEL_WIDTH - 8, y + ROW / 2 + 4, cut, bar.label))
    return pieces, labels
