"""A patient's own test results: values with the usual range, what each means, and what to do next."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.core.permissions import requires
from app.domain.documents.own import list_own_attached
from app.domain.identity.permissions import OWN_RECORD
from app.domain.laboratory.own_results import list_own_results, open_own_report
from app.patient import patient, result_words
from app.patient.own import own_patient_id
from app.web.principals import current_actor
from app.web.render import render

LAST_PAGE = 10_000


@patient.get("/results")
@requires(OWN_RECORD)
def results_index() -> Response:
    """List one's own results, the newest first."""
    number = min(max(request.args.get("page", 1, int), 1), LAST_PAGE)
    page = list_own_results(current_actor(), own_patient_id(), number)
    return render("patient/results/index.html", results=page)


@patient.get("/results/<uuid:report_id>")
@requires(OWN_RECORD)
def results_show(report_id: UUID) -> Response:
    """Show one result: every value, what is usual, what it means, and what to do next."""
    opened = open_own_report(current_actor(), own_patient_id(), report_id)
    return render(
        "patient/results/show.html",
        opened=opened,
        report=opened.row,
        attached=list_own_attached(own_patient_id(), opened.row.item_id),
        said=result_words,
    )
