"""What a plot is made from, and what it is drawn of: values in, places and words out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from app.core.errors import Text
from app.core.formats.dates import format_date, format_datetime
from app.core.formats.numbers import format_decimal
from app.web.templates import hospital_zone

Number = Decimal | int | float
Moment = datetime | date | int | float


@dataclass(frozen=True, slots=True)
class Point:
    """One value at a moment, a day or a number; `flag` says in words what is unusual about it."""

    at: Moment
    value: Number
    flag: Text | None = None
    at_text: str | None = None

    @property
    def when(self) -> str:
        """Return the words of the place on the horizontal axis."""
        if self.at_text is not None:
            return self.at_text
        if isinstance(self.at, datetime):
            return format_datetime(self.at, hospital_zone())
        return format_date(self.at) if isinstance(self.at, date) else format_decimal(self.at)


@dataclass(frozen=True, slots=True)
class Series:
    """Values that belong together, oldest first."""

    label: Text
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Band:
    """A range that is shaded, such as the normal one; None where it is open."""

    low: Number | None
    high: Number | None
    label: Text


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a value for each series, stacked where there are several."""

    label: str
    values: Sequence[Number]
    href: str | None = None


class Tick(NamedTuple):
    """A mark on an axis: where, and its words."""

    place: float
    text: str


class Dot(NamedTuple):
    """A drawn value: where, its words, and whether it is unusual."""

    x: float
    y: float
    text: str
    flagged: bool


class Curve(NamedTuple):
    """A drawn series: its path, its dots, and its words."""

    label: Text
    path: str
    dots: list[Dot]


class Shade(NamedTuple):
    """A drawn band."""

    y: float
    height: float
    label: Text


class Piece(NamedTuple):
    """A drawn part of a bar."""

    x: float
    y: float
    width: float
    height: float
    series: int
    text: str


class BarLabel(NamedTuple):
    """The words at a bar; `full` where they were cut."""

    x: float
    y: float
    text: str
    full: str


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a plot."""

    headers: list[Text]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A small line without axes; `words` says it all."""

    path: str
    dots: list[Dot]
    shade: Shade | None
    words: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class LinePlot:
    """Curves over time."""

    id: str
    title: Text
    unit: Text
    curves: list[Curve]
    shades: list[Shade]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    words: str
    table: Table
    width: int
    height: int
    left: int


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Bars, upright or lying."""

    id: str
    title: Text
    unit: Text
    lying: bool
    series: list[Text]
    pieces: list[Piece]
    labels: list[BarLabel]
    ticks: list[Tick]
    words: str
    table: Table
    width: int
    height: int
    left: int
