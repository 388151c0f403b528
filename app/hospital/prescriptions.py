"""A signed prescription: read, printed, cancelled with a reason, given its national code."""

from __future__ import annotations

from uuid import UUID

from flask import Response, abort, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import PRESCRIBE, VIEW_RECORDS
from app.domain.prescriptions.issued import cancel_prescription, open_prescription, set_national_code
from app.domain.prescriptions.models import PrescriptionStatus
from app.hospital import hospital
from app.hospital.forms.prescriptions import CancelPrescriptionForm, NationalCodeForm
from app.hospital.prescribing_facts import KINDS
from app.web.documents import pdf_response
from app.web.prescription_paper import LANGUAGES, prescription_pdf
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other


@hospital.get("/prescriptions/<uuid:prescription_id>")
@requires(VIEW_RECORDS)
def prescriptions_show(prescription_id: UUID) -> Response:
    """Show a signed prescription."""
    return _show(prescription_id, CancelPrescriptionForm(formdata=None), NationalCodeForm(formdata=None))


@hospital.get("/prescriptions/<uuid:prescription_id>/paper")
@requires(VIEW_RECORDS)
def prescriptions_paper(prescription_id: UUID) -> Response:
    """Give the prescription's paper, in Vietnamese or in both languages."""
    language = request.args.get("language", "vi")
    if language not in LANGUAGES:
        abort(404)
    issued = open_prescription(current_actor(), prescription_id, printing=True)
    return pdf_response(prescription_pdf(issued, language), f"{issued.row.code}.pdf")


@hospital.post("/prescriptions/<uuid:prescription_id>/cancel")
@requires(VIEW_RECORDS, PRESCRIBE)
def prescriptions_cancel(prescription_id: UUID) -> BaseResponse:
    """Cancel a prescription that one has signed."""
    form = CancelPrescriptionForm()
    if form.validate_on_submit():
        try:
            cancel_prescription(current_actor(), prescription_id, form.version_number, form.reason.data or "")
        except InvalidValue as error:
            form.add_error("reason", error)
        else:
            flash(_("The prescription is cancelled."), "success")
            return see_other(url_for("hospital.prescriptions_show", prescription_id=prescription_id))
    return _show(prescription_id, form, NationalCodeForm(formdata=None))


@hospital.post("/prescriptions/<uuid:prescription_id>/national-code")
@requires(VIEW_RECORDS, PRESCRIBE)
def prescriptions_national_code(prescription_id: UUID) -> BaseResponse:
    """Keep the code that the national system gave."""
    form = NationalCodeForm()
    if form.validate_on_submit():
        try:
            set_national_code(current_actor(), prescription_id, form.version_number, form.national_code.data or "")
        except InvalidValue as error:
            form.add_error("national_code", error)
        else:
            flash(_("The national code is kept."), "success")
            return see_other(url_for("hospital.prescriptions_show", prescription_id=prescription_id))
    return _show(prescription_id, CancelPrescriptionForm(formdata=None), form)


def _show(prescription_id: UUID, cancelling: CancelPrescriptionForm, coding: NationalCodeForm) -> Response:
    issued, person = open_prescription(current_actor(), prescription_id), find_principal()
    own = person is not None and person.id == issued.row.doctor_id and person.may(PRESCRIBE.code)
    for form in (cancelling, coding):
        form.version.data = form.version.data or str(issued.row.version)
    failed = bool(cancelling.errors or coding.errors)
    return render(
        "hospital/prescriptions/show.html",
        issued=issued,
        prescription=issued.row,
        patient=issued.patient,
        cancelling=cancelling,
        coding=coding,
        kinds=KINDS,
        may_change=own and issued.row.status is PrescriptionStatus.SIGNED,
        has_errors=failed,
        status=422 if failed else 200,
    )
