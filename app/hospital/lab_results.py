"""Results of one ordered test: entered, verified by somebody else, corrected, taken note of, and reviewed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.audit.operations import record_access
from app.domain.documents.models import DocumentSubject
from app.domain.documents.queries import list_attached
from app.domain.identity.permissions import ENTER_RESULTS, ORDER_TESTS, VERIFY_RESULTS
from app.domain.laboratory.entering import enter_results
from app.domain.laboratory.errors import LabReportNotFound, NotAllMeasured
from app.domain.laboratory.measuring import list_measures
from app.domain.laboratory.models import ReportStatus, ValueKind
from app.domain.laboratory.queries import (
    OrderedTest,
    get_ordered_test,
    get_reports_test,
    list_earlier_values,
    read_ordered_test,
)
from app.domain.laboratory.rules import Measure
from app.domain.laboratory.verifying import acknowledge_critical, review_report, verify_report
from app.domain.laboratory.worklist import Work
from app.domain.patients.queries import open_patient, read_patient
from app.hospital import hospital, lab_words
from app.hospital.forms.laboratory import ResultsForm, VerifyForm, field_name, results_form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.sign_in import safe_target


@hospital.get("/lab-tests/<uuid:ordered_test_id>/results")
@requires(ENTER_RESULTS)
def lab_results_edit(ordered_test_id: UUID) -> Response:
    """Ask for the results of an ordered test, filled with what was entered or is to be corrected."""
    test = read_ordered_test(ordered_test_id)
    measures = _measures_of(test)
    return _show_form(test, measures, _filled(results_form(measures), test))


@hospital.post("/lab-tests/<uuid:ordered_test_id>/results")
@requires(ENTER_RESULTS)
def lab_results_update(ordered_test_id: UUID) -> BaseResponse:
    """Write results down for somebody else to verify; a value that cannot be is asked back at its field."""
    test = read_ordered_test(ordered_test_id)
    measures = _measures_of(test)
    form = results_form(measures)()
    entry = form.read(measures) if form.validate_on_submit() else None
    if entry is None:
        return _show_form(test, measures, form)
    try:
        report = enter_results(current_actor(), ordered_test_id, form.version_number, entry)
    except InvalidValue as error:
        form.add_error("findings", error)
        return _show_form(test, measures, form)
    flash(_("The results of %(test)s are entered. Somebody else verifies them.", test=test.row.test_name), "success")
    if report.not_measured:
        flash(_("Not measured: %(names)s", names=", ".join(report.not_measured)), "warning")
    return see_other(url_for("hospital.laboratory_index", work=Work.ENTER.value))


@hospital.get("/lab-tests/<uuid:ordered_test_id>/verify")
@requires(VERIFY_RESULTS)
def lab_results_check(ordered_test_id: UUID) -> Response:
    """Show what somebody entered beside what was measured before, to verify it."""
    return _show_check(ordered_test_id, VerifyForm(formdata=None))


@hospital.post("/lab-reports/<uuid:report_id>/verify")
@requires(VERIFY_RESULTS)
def lab_results_verify(report_id: UUID) -> BaseResponse:
    """Verify what somebody else entered."""
    form = VerifyForm()
    try:
        report = verify_report(
            current_actor(), report_id, form.version_number, incomplete=bool(form.incomplete.data)
        )  # fmt: skip
    except NotAllMeasured as error:
        form.add_error("incomplete", error)
        return _show_check(get_reports_test(report_id), form)
    if report.has_critical:
        flash(_("Verified. It has critical values: whoever ordered it is told, telephone as well."), "alert")
    else:
        flash(_("The result is verified."), "success")
    return see_other(url_for("hospital.laboratory_index", work=Work.VERIFY.value))


@hospital.post("/lab-reports/<uuid:report_id>/acknowledge")
@requires(ORDER_TESTS)
def lab_results_acknowledge(report_id: UUID) -> BaseResponse:
    """Take note of critical values; pressed twice it says so and harms nothing."""
    if acknowledge_critical(current_actor(), report_id):
        flash(_("You have taken note of the critical values."), "success")
    else:
        flash(_("Somebody has taken note of it already."), "info")
    return see_other(safe_target(request.form.get("next")) or url_for("hospital.lab_inbox_index"))


@hospital.post("/lab-reports/<uuid:report_id>/review")
@requires(ORDER_TESTS)
def lab_results_review(report_id: UUID) -> BaseResponse:
    """Note that a result was reviewed; from then on the patient sees it, unless it was released before."""
    if review_report(current_actor(), report_id):
        flash(_("The result is reviewed."), "success")
    else:
        flash(_("This result was reviewed already."), "info")
    return see_other(safe_target(request.form.get("next")) or url_for("hospital.lab_inbox_index"))


def _measures_of(test: OrderedTest) -> list[Measure]:
    observed_at = test.report.observed_at if test.report else clock.now()
    return list_measures(test.row.test_id, test.row.patient_id, observed_at)


def _filled(kind: type[ResultsForm], test: OrderedTest) -> ResultsForm:
    """Return a form that holds what was entered before."""
    report: Any = test.report
    data: dict[str, Any] = {"version": str(test.row.version)}
    if report is not None:
        data |= {"called_critical": report.called_critical}
        data |= {"findings": report.findings, "interpretation": report.interpretation}
        data |= {"correction_reason": report.correction_reason}
    data |= {f"value_{row.analyte_id.hex}": lab_words.value(row) for row in test.values}
    return kind(formdata=None, data=data)


def _show_check(ordered_test_id: UUID, form: VerifyForm) -> Response:
    test = read_ordered_test(ordered_test_id)
    if test.report is None:
        raise LabReportNotFound
    patient, ground = read_patient(current_actor(), test.row.patient_id, VERIFY_RESULTS)
    record_access(
        ground.acting, "lab_report.view", subject_type="patient", subject_id=patient.id, patient_ids=[patient.id]
    )
    form.version.data = str(test.report.version)
    wrote = {test.report.entered_by, *test.report.contributors, *(value.entered_by for value in test.values)}
    return render(
        "hospital/laboratory/verify.html",
        test=test,
        report=test.report,
        patient=patient,
        # Of whom only what is measured may be seen, what was measured before may not.
        earlier={} if ground.is_desk_only else list_earlier_values(test),
        attached=list_attached(DocumentSubject.LAB_ITEM, [ordered_test_id]),
        form=form,
        is_mine=current_actor().id in wrote,
        is_open=test.report.status is ReportStatus.DRAFT,
        lab=lab_words,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_form(test: OrderedTest, measures: list[Measure], form: ResultsForm) -> Response:
    patient = open_patient(current_actor(), test.row.patient_id, "lab_report.view", ENTER_RESULTS)
    report = test.report
    return render(
        "hospital/laboratory/enter.html",
        test=test,
        order=get_ordered_test(test.row.id),
        patient=patient,
        form=form,
        fields=form.fields_of(measures),
        field_name=field_name,
        asks_critical=not measures or any(measure.kind is not ValueKind.NUMBER for measure in measures),
        retired=[row for row in test.values if row.analyte_id not in {measure.analyte_id for measure in measures}],
        corrects=report is not None and (report.status is not ReportStatus.DRAFT or report.number > 1),
        lab=lab_words,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
