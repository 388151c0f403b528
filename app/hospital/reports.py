"""The hospital's figures of a period and a department: as plots, as a table and as CSV, with as of when they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from app.core import clock
from app.core.errors import InvalidValue, NotFound
from app.core.formats.dates import format_date, parse_date
from app.core.formats.tables import csv_lines
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_REPORTS
from app.domain.reports import measures
from app.domain.reports.periods import Period, make_period, quick_periods
from app.domain.reports.queries import Asked, find_freshness, list_departments
from app.domain.reports.refreshing import ask_for_figures
from app.hospital import hospital
from app.hospital.report_subjects import SUBJECTS, Column, step_words
from app.tenancy.binding import bound_hospital
from app.web.forms import Form
from app.web.menu import declare_menu
from app.web.render import render, see_other
from app.web.templates import hospital_zone

declare_menu("hospital.reports_index", _l("Reports"), "activity", VIEW_REPORTS, 70)

QUICK = {
    "today": _l("Today"),
    "week": _l("7 days"),
    "month": _l("This month"),
    "last_month": _l("Last month"),
    "year": _l("12 months"),
}
USUAL = "week"


class PeriodForm(Form):
    """Which days, typed as day/month/year, and which department."""

    since = StringField(_l("From"))
    until = StringField(_l("To"))
    department = SelectField(_l("Department"), validate_choice=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, with the form that asked for it; the usual period where it could not be read."""

    form: PeriodForm
    asked: Asked

    @property
    def query(self) -> dict[str, Any]:
        """Return what an address needs so that it asks for the same."""
        days = {"since": format_date(self.asked.period.first), "until": format_date(self.asked.period.last)}
        return {**days, "department": str(self.asked.department_id) if self.asked.department_id else None}


@hospital.get("/reports")
@requires(VIEW_REPORTS)
def reports_index() -> Response:
    """Show the visits of the last days."""
    return _page("visits")


@hospital.get("/reports/<any(waiting,departments,doctors,diagnoses,patients):subject>")
@requires(VIEW_REPORTS)
def reports_show(subject: str) -> Response:
    """Show another report about the same days."""
    return _page(subject)


@hospital.get("/reports/<any(visits,waiting,departments,doctors,diagnoses,patients):subject>/table.csv")
@requires(VIEW_REPORTS)
def reports_export(subject: str) -> BaseResponse:
    """Send the table of a report as CSV; the page again where the period cannot be read."""
    wanted = _read_wanted()
    if wanted.form.errors or find_freshness() is None:
        return _page(subject)
    columns, period = SUBJECTS[subject].columns, wanted.asked.period
    rows = [_raw(columns, row) for row in SUBJECTS[subject].read(wanted.asked)]
    answer = Response("".join(csv_lines([column.name for column in columns], rows)), mimetype="text/csv")
    name = f"{bound_hospital().code}-{subject}-{period.first:%Y-%m-%d}-{period.last:%Y-%m-%d}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@hospital.post("/reports/refresh")
@requires(VIEW_REPORTS)
def reports_refresh() -> BaseResponse:
    """Have the figures counted again soon."""
    ask_for_figures()
    flash(_("The figures are being counted again. Load the page anew in a moment."), "info")
    return see_other(url_for("hospital.reports_index"))


def _page(subject: str) -> Response:
    wanted, freshness = _read_wanted(), find_freshness()
    report, period = SUBJECTS[subject], wanted.asked.period
    rows = report.happened(wanted.asked) if freshness and not wanted.form.errors else []
    return render(
        "hospital/reports/index.html",
        status=422 if wanted.form.errors else 200,
        has_errors=bool(wanted.form.errors),
        form=wanted.form,
        query=wanted.query,
        period=period,
        freshness=freshness,
        subject=subject,
        report=report,
        subjects=[(one.title, _address(key, wanted.query), key == subject) for key, one in SUBJECTS.items()],
        quick=_quick(subject, wanted),
        total=measures.total(rows) if subject == "visits" and rows else None,
        measures=measures,
        plots=report.plots(rows, period) if rows else [],
        table=[[_shown(column, row, period) for column in report.columns] for row in rows],
    )


def _shown(column: Column, row: Any, period: Period) -> str:
    return step_words(row, period.step) if column.name == "from" else column.shown(row)


def _raw(columns: tuple[Column, ...], row: Any) -> dict[str, Any]:
    return {column.name: column.value(row) for column in columns}


def _address(subject: str, query: dict[str, Any]) -> str:
    if subject == "visits":
        return url_for("hospital.reports_index", **query)
    return url_for("hospital.reports_show", subject=subject, **query)


def _quick(subject: str, wanted: Wanted) -> list[tuple[Any, str, bool]]:
    """Return the usual periods: words, address, and whether it is the one shown."""
    department = wanted.query["department"]
    return [
        (
            QUICK[name],
            _address(subject, {**Wanted(wanted.form, Asked(period)).query, "department": department}),
            period == wanted.asked.period,
        )
        for name, period in quick_periods(clock.today(hospital_zone())).items()
    ]


def _read_wanted() -> Wanted:
    form = PeriodForm(request.args, meta={"csrf": False})
    departments = list_departments()
    form.department.choices = [
        SelectChoice("", _("The whole hospital")),
        *(SelectChoice(str(row.id), row.name) for row in departments),
    ]
    known = {str(row.id): row.id for row in departments}
    chosen = form.department.data or ""
    if chosen and chosen not in known:
        raise NotFound
    return Wanted(form, Asked(_read_period(form), _id_of(known, chosen)))


def _id_of(known: dict[str, UUID], chosen: str) -> UUID | None:
    return known[chosen] if chosen else None


def _read_period(form: PeriodForm) -> Period:
    usual = quick_periods(clock.today(hospital_zone()))[USUAL]
    first, last = _read_day(form, "since", usual.first), _read_day(form, "until", usual.last)
    if first is None or last is None:
        return usual
    try:
        return make_period(first, last)
    except InvalidValue as error:
        form.add_error("until", error)
        return usual


def _read_day(form: PeriodForm, name: str, usual: date) -> date | None:
    field = form[name]
    if not field.data:
        field.data = format_date(usual)
    try:
        day = parse_date(field.data)
    except InvalidValue as error:
        form.add_error(name, error)
        return None
    field.data = format_date(day)
    return day
