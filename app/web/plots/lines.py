"""Curves over time: the small one of a table's line, and the large one with axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.core.errors import Text
from app.core.formats.numbers import format_decimal
from app.core.i18n import _
from app.web.plots.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    nice_steps,
    place_of,
    span_of,
    tidy,
    worded,
)
from app.web.plots.shapes import Band, Curve, Dot, LinePlot, Number, Point, Series, Shade, Sparkline, Table, Tick

SPARK_WIDTH, SPARK_HEIGHT, SPARK_PAD = 84, 28, 4
LABEL_ROOM = 76


def sparkline(
    points: Sequence[Point], *, label: Text, unit: Text = "", low: Number | None = None, high: Number | None = None
) -> Sparkline | None:
    """Shape a trend for one line of a table, oldest first, with the normal range; None for fewer than two values."""
    if len(points) < 2:
        return None
    bottom, top = span_of([float(each.value) for each in points])
    y = Scale(bottom, top, SPARK_HEIGHT - SPARK_PAD, SPARK_PAD)
    x = _x_scale(points, SPARK_PAD, SPARK_WIDTH - SPARK_PAD)
    shade = None
    if low is not None or high is not None:
        shade = _shade(Band(low, high, ""), y, SPARK_PAD, SPARK_HEIGHT - SPARK_PAD)
    return Sparkline(
        _path(points, x, y),
        _dots(points[-1:], x, y),
        shade,
        _trend_words(label, unit, points),
        SPARK_WIDTH,
        SPARK_HEIGHT,
    )


def line_plot(
    name: str, title: Text, series: Sequence[Series], *, unit: Text = "", bands: Sequence[Band] = ()
) -> LinePlot | None:
    """Shape curves over a common axis; None where there is no value. `name` is an id, unique on its page."""
    drawn = [each for each in series if each.points]
    every = sorted((point for each in drawn for point in each.points), key=lambda point: place_of(point.at))
    if not every:
        return None
    edges = [float(edge) for band in bands for edge in (band.low, band.high) if edge is not None]
    steps = nice_steps(*span_of([*(float(point.value) for point in every), *edges]))
    y = Scale(steps[0], steps[-1], HEIGHT - BOTTOM, TOP)
    x = _x_scale(every, LEFT, WIDTH - RIGHT)
    shades = [_shade(band, y, TOP, HEIGHT - BOTTOM) for band in bands]
    return LinePlot(
        id=name,
        title=title,
        unit=unit,
        curves=[Curve(each.label, _path(each.points, x, y), _dots(each.points, x, y)) for each in drawn],
        shades=[shade for shade in shades if shade is not None],
        x_ticks=_x_ticks(every, x),
        y_ticks=[Tick(y(step), format_decimal(tidy(step))) for step in steps],
        words=" ".join(_series_words(each, unit) for each in drawn),
        table=_points_table(drawn, every, unit),
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
    )


def _x_scale(points: Sequence[Point], start: float, end: float) -> Scale:
    places = [place_of(point.at) for point in points]
    if min(places) == max(places):  # one moment stands in the middle
        return Scale(places[0] - 1, places[0] + 1, start, end)
    return Scale(min(places), max(places), start, end)


def _path(points: Sequence[Point], x: Scale, y: Scale) -> str:
    return "M" + " L".join(f"{x(place_of(point.at))} {y(point.value)}" for point in points)


def _dots(points: Iterable[Point], x: Scale, y: Scale) -> list[Dot]:
    return [Dot(x(place_of(each.at)), y(each.value), _said(each), each.flag is not None) for each in points]


def _said(point: Point, unit: Text = "") -> str:
    return f"{point.when}: {worded(point.value, unit)}" + (f", {point.flag}" if point.flag else "")


def _shade(band: Band, y: Scale, top: float, bottom: float) -> Shade | None:
    upper = top if band.high is None else min(max(y(band.high), top), bottom)
    lower = bottom if band.low is None else max(min(y(band.low), bottom), top)
    return Shade(upper, round(lower - upper, 1), band.label) if lower > upper else None


def _x_ticks(points: Sequence[Point], x: Scale) -> list[Tick]:
    """Return as many words along the axis as fit, the last moment always among them."""
    ticks: list[Tick] = []
    for point in reversed(points):
        place = x(place_of(point.at))
        # The words at the left edge stand wholly to the right of their place.
        room = LABEL_ROOM + 24 if place < LEFT + 30 else LABEL_ROOM
        if not ticks or ticks[-1].place - place >= room:
            day = point.when.split(" ")[0] if isinstance(point.at, datetime) else point.when
            ticks.append(Tick(place, day))
    return ticks[::-1]


def _points_table(series: Sequence[Series], every: Sequence[Point], unit: Text) -> Table:
    places = dict.fromkeys((place_of(point.at), point.when) for point in reversed(every))
    found = [{(place_of(point.at), point.when): point for point in each.points} for each in series]
    rows = [[when, *(_cell(points.get((place, when))) for points in found)] for place, when in places]
    return Table([_("When"), *(f"{each.label} ({unit})" if unit else each.label for each in series)], rows)


def _cell(point: Point | None) -> str:
    if point is None:
        return "—"
    return format_decimal(tidy(point.value)) + (f" ({point.flag})" if point.flag else "")


def _trend_words(label: Text, unit: Text, points: Sequence[Point]) -> str:
    return _(
        "%(label)s, from %(first)s to %(last)s",
        label=label,
        first=format_decimal(tidy(points[0].value)),
        last=worded(points[-1].value, unit),
    )


def _series_words(series: Series, unit: Text) -> str:
    values = [tidy(point.value) for point in series.points]
    return _(
        "%(label)s: %(count)s values, lowest %(low)s, highest %(high)s, latest %(latest)s.",
        label=series.label,
        count=len(values),
        low=format_decimal(min(values)),
        high=format_decimal(max(values)),
        latest=_said(series.points[-1], unit),
    )
