"""A test's report to read and on paper, and a patient's values over time: in a table, and each drawn."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.documents.models import DocumentSubject
from app.domain.documents.queries import list_attached
from app.domain.identity.permissions import VIEW_RESULTS
from app.domain.laboratory.models import Flag
from app.domain.laboratory.reading import Line, open_cumulative, open_report, usual_of
from app.domain.laboratory.rules import range_words
from app.hospital import hospital, lab_words
from app.hospital.lab_paper import report_pdf
from app.hospital.patient_tabs import declare_patient_tab
from app.web.documents import pdf_response
from app.web.plots import Band, LinePlot, Point, Series, Sparkline, line_plot, sparkline
from app.web.principals import current_actor
from app.web.render import render

declare_patient_tab("hospital.lab_trends_show", _l("Results over time"), VIEW_RESULTS, position=35)


@hospital.get("/lab-reports/<uuid:report_id>")
@requires(VIEW_RESULTS)
def lab_reports_show(report_id: UUID) -> Response:
    """Show what came of a test: values beside what is usual and what was before, findings, attachments, versions."""
    opened = open_report(current_actor(), report_id)
    newest = next((each for each in opened.versions if each.is_current), None)
    return render(
        "hospital/laboratory/report.html",
        opened=opened,
        report=opened.row,
        patient=opened.patient,
        newest=newest,
        attached=list_attached(DocumentSubject.LAB_ITEM, [opened.row.item_id]),
        lab=lab_words,
    )


@hospital.get("/lab-reports/<uuid:report_id>/print")
@requires(VIEW_RESULTS)
def lab_reports_print(report_id: UUID) -> Response:
    """Give the report as it is printed on A4; what is not verified or was replaced says so."""
    opened = open_report(current_actor(), report_id, "lab_report.print")
    return pdf_response(report_pdf(opened), f"{opened.row.order_code}-{opened.row.number}.pdf")


@hospital.get("/patients/<uuid:patient_id>/results")
@requires(VIEW_RESULTS)
def lab_trends_show(patient_id: UUID) -> Response:
    """Show a patient's values over time, and draw the one that is chosen."""
    found = open_cumulative(current_actor(), patient_id)
    chosen = parse_id(request.args.get("analyte", ""))
    line = next((each for each in found.lines if each.analyte_id == chosen), None)
    return render(
        "hospital/laboratory/trends.html",
        found=found,
        patient=found.patient,
        line=line,
        plot=_plot(line) if line else None,
        sparks={each.analyte_id: _spark(each) for each in found.lines},
        lab=lab_words,
    )


def _points(line: Line) -> list[Point]:
    return [
        Point(row.observed_at, row.value, None if row.flag in (None, Flag.NORMAL) else lab_words.FLAG[row.flag])
        for row in line.numbers
    ]


def _plot(line: Line) -> LinePlot | None:
    low, high = usual_of(line)
    usual = range_words(low, high)
    bands = [Band(low, high, _("Usual: %(range)s", range=usual))] if usual else []
    return line_plot("trend", line.name, [Series(line.name, _points(line))], unit=line.unit or "", bands=bands)


def _spark(line: Line) -> Sparkline | None:
    low, high = usual_of(line)
    return sparkline(_points(line), label=line.name, unit=line.unit or "", low=low, high=high)
