"""What each report shows: its rows, the columns of its table and of its file, and its plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import Text
from app.core.formats.dates import format_date
from app.core.formats.numbers import format_decimal
from app.core.i18n import _, _l
from app.domain.patients.models import Sex
from app.domain.reports import measures, queries
from app.domain.reports.measures import average_consultation, average_wait, no_show_percent
from app.domain.reports.periods import Period, Step
from app.domain.reports.queries import Asked
from app.hospital.wording import SEX
from app.web.i18n import current_language
from app.web.plots import Bar, BarPlot, LinePlot, Point, Series, bar_plot, line_plot

MOST_BARS = 15
NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the file, its words on the page, and its value in a row (None where there is none)."""

    name: str
    label: Text
    value: Callable[[Any], Any]
    numeric: bool = True
    unit: str = ""

    def shown(self, row: Any) -> str:
        """Return the words of a cell on the page."""
        value = self.value(row)
        if value is None:
            return NOTHING
        return f"{format_decimal(value)} {self.unit}".strip() if isinstance(value, int | Decimal) else str(value)


@dataclass(frozen=True, slots=True)
class Subject:
    """One report."""

    title: Text
    lead: Text
    read: Callable[[Asked], Sequence[Any]]
    columns: tuple[Column, ...]
    plots: Callable[[Sequence[Any], Period], list[BarPlot | LinePlot | None]]

    def happened(self, asked: Asked) -> Sequence[Any]:
        """Return the rows, or none where all that they count is nought."""
        rows = self.read(asked)
        numbers = [column for column in self.columns if column.numeric]
        return rows if any(column.value(row) for row in rows for column in numbers) else []


def step_words(row: Any, step: Step) -> str:
    """Return the words of a day, of a week by its Monday, or of a month."""
    if step is Step.MONTH:
        return f"{row.starts:%m/%Y}"
    return format_date(row.starts) if step is Step.DAY else _("Week of %(day)s", day=format_date(row.starts))


def _number(name: str, label: Text) -> Column:
    return Column(name, label, lambda row: getattr(row, name))


def _text(name: str, label: Text, value: Callable[[Any], Any]) -> Column:
    return Column(name, label, value, numeric=False)


def _of_sex(sex: Sex) -> Column:
    return Column(sex.value, SEX[sex], lambda row: row.by_sex.get(sex.value, 0))


def _steps(asked: Asked) -> list[Any]:
    return measures.every_step(queries.read_visits(asked), asked.period)


VISITS, COMPLETED, CANCELLED, NO_SHOWS = (
    _number("visits", _l("Visits")),
    _number("completed", _l("Done")),
    _number("cancelled", _l("Cancelled")),
    _number("no_shows", _l("Did not come")),
)
OUTCOMES = (
    VISITS,
    COMPLETED,
    CANCELLED,
    NO_SHOWS,
    Column("no_show_percent", _l("No-show rate"), no_show_percent, unit="%"),
)
WAIT = Column("average_wait_minutes", _l("Wait on average (min)"), average_wait)
STARTS = _text("from", _l("Day"), lambda row: row.starts)
NAME = _text("name", _l("Name"), lambda row: row.name)
WAITED = (
    _number("within_15", _l("At most 15 minutes")),
    _number("within_30", _l("16 to 30 minutes")),
    _number("within_60", _l("31 to 60 minutes")),
    _number("over_60", _l("More than an hour")),
)


def _outcome_bars(rows: Sequence[Any], words: Callable[[Any], str], category: str, *, lying: bool) -> BarPlot | None:
    parts = (_l("Done"), _l("Still to come or under way"), _l("Did not come"), _l("Cancelled"))
    bars = [
        Bar(
            words(row),
            (row.completed, row.visits - row.completed - row.no_shows - row.cancelled, row.no_shows, row.cancelled),
        )
        for row in rows
    ]
    return bar_plot(
        "plot-outcomes", _("Visits by what became of them"), bars, series=parts, category=category, lying=lying
    )


def _visit_plots(rows: Sequence[Any], period: Period) -> list[BarPlot | LinePlot | None]:
    return [_outcome_bars(rows, lambda row: step_words(row, period.step), _("Day"), lying=False)]


def _waiting_plots(rows: Sequence[Any], period: Period) -> list[BarPlot | LinePlot | None]:
    total = measures.total(rows)
    points = [
        Point(row.starts, wait, at_text=step_words(row, period.step))
        for row in rows
        if (wait := average_wait(row)) is not None
    ]
    bars = [Bar(str(column.label), (column.value(total),)) for column in WAITED] if total.waited else []
    return [
        line_plot("plot-wait", _("Average wait"), [Series(_("Average wait"), points)], unit=_("minutes")),
        bar_plot("plot-waits", _("How long patients waited"), bars, unit=_("patients"), category=_("Wait"), lying=True),
    ]


def _named_plots(rows: Sequence[Any], _period: Period) -> list[BarPlot | LinePlot | None]:
    return [_outcome_bars(rows[:MOST_BARS], lambda row: row.name, _("Name"), lying=True)]


def _diagnosis_plots(rows: Sequence[Any], _period: Period) -> list[BarPlot | LinePlot | None]:
    bars = [Bar(block_words(row), (row.as_primary, row.as_secondary)) for row in rows[:MOST_BARS]]
    series = (_l("Main diagnosis"), _l("Other diagnosis"))
    return [bar_plot("plot-diagnoses", _("Diagnoses by group"), bars, series=series, category=_("Group"), lying=True)]


def _patient_plots(rows: Sequence[Any], _period: Period) -> list[BarPlot | LinePlot | None]:
    bars = [Bar(age_words(row), tuple(row.by_sex.get(sex.value, 0) for sex in Sex)) for row in rows]
    return [bar_plot("plot-ages", _("Patients by age and sex"), bars, series=tuple(SEX.values()), category=_("Age"))]


def block_words(row: Any) -> str:
    """Return a block of ICD-10 with its code."""
    title = row.block.title(current_language())
    return f"{row.block.code.replace('-', '–')} {title}" if row.block.code else title


def age_words(row: Any) -> str:
    """Return the ages of a group."""
    return f"{row.age_from}–{row.age_to}" if row.age_to is not None else _("%(age)s and over", age=row.age_from)


SUBJECTS: dict[str, Subject] = {
    "visits": Subject(
        _l("Visits"),
        _l("How many visits there were, and what became of them."),
        _steps,
        (STARTS, *OUTCOMES, _number("by_patients", _l("Booked by patients")), WAIT),
        _visit_plots,
    ),
    "waiting": Subject(
        _l("Waiting times"),
        _l("From arriving to being called in. Who was forgotten for more than twelve hours is not counted."),
        _steps,
        (STARTS, _number("waited", _l("Patients")), WAIT, *WAITED),
        _waiting_plots,
    ),
    "departments": Subject(
        _l("Departments"), _l("The same figures for each department."), queries.read_departments,
        (NAME, *OUTCOMES, WAIT), _named_plots,
    ),
    "doctors": Subject(
        _l("Doctors"),
        _l("The same figures for each doctor. They tell how the day was planned, not how well somebody works."),
        queries.read_doctors,
        (
            NAME,
            _text("department", _l("Department"), lambda row: row.department_name),
            *OUTCOMES,
            WAIT,
            Column("average_consultation_minutes", _l("Consultation on average (min)"), average_consultation),
        ),
        _named_plots,
    ),
    "diagnoses": Subject(
        _l("Diagnoses"),
        _l("Diagnoses of signed records, by groups of ICD-10."),
        queries.read_diagnoses,
        (
            _text("block", _l("ICD-10"), lambda row: row.block.code.replace("-", "–") or NOTHING),
            _text("title", _l("Group"), lambda row: row.block.title(current_language())),
            _number("as_primary", _l("Main diagnosis")),
            _number("as_secondary", _l("Other diagnosis")),
        ),
        _diagnosis_plots,
    ),
    "patients": Subject(
        _l("Patients"),
        _l("Who was seen. Somebody who came on two days is counted twice."),
        queries.read_patients,
        (
            _text("age", _l("Age"), age_words),
            *(_of_sex(sex) for sex in Sex),
            _number("seen", _l("Together")),
            _number("first_visits", _l("Here for the first time")),
        ),
        _patient_plots,
    ),
}  # fmt: skip
