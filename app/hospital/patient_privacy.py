"""Everything about one patient's data protection on one page: consents, requests, copies, holds, erasure."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import NotFound
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_PRIVACY
from app.domain.privacy import words as said
from app.domain.privacy.exports import ask_for_export, fetch_export, find_newest_export
from app.domain.privacy.overview import open_overview
from app.hospital import hospital
from app.hospital.forms.erasures import ErasureForm, HoldForm, ReleaseForm
from app.web.attachments import attachment
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/patients/<uuid:patient_id>/privacy")
@requires(MANAGE_PRIVACY)
def patient_privacy_show(patient_id: UUID) -> Response:
    """Show how a patient's data is protected, and what can be done."""
    return show_privacy(patient_id)


def show_privacy(
    patient_id: UUID,
    *,
    hold_form: HoldForm | None = None,
    release_form: ReleaseForm | None = None,
    erasure_form: ErasureForm | None = None,
) -> Response:
    """Show the page; a form that was refused stands on it with its errors."""
    given = (hold_form, release_form, erasure_form)
    failed = any(form is not None and form.errors for form in given)
    return render(
        "hospital/patient_privacy/show.html",
        overview=open_overview(current_actor(), patient_id),
        said=said,
        hold_form=hold_form or HoldForm(formdata=None),
        release_form=release_form or ReleaseForm(formdata=None),
        erasure_form=erasure_form or ErasureForm(formdata=None),
        has_errors=failed,
        status=422 if failed else 200,
    )


@hospital.post("/patients/<uuid:patient_id>/export")
@requires(MANAGE_PRIVACY)
@asks_again
def patient_privacy_export(patient_id: UUID) -> BaseResponse:
    """Have a copy of a patient's data made, for a request that came to the desk."""
    ask_for_export(current_actor(), patient_id, parse_id(request.form.get("request_id", "")))
    flash(_("The copy is being made. It will be ready here in a few minutes."), "success")
    return see_other(url_for("hospital.patient_privacy_show", patient_id=patient_id))


@hospital.post("/patients/<uuid:patient_id>/export/file")
@requires(MANAGE_PRIVACY)
@asks_again
def patient_privacy_export_file(patient_id: UUID) -> BaseResponse:
    """Hand the copy over to the desk; who fetched it and when is written down."""
    newest = find_newest_export(patient_id)
    if newest is None:
        raise NotFound
    return attachment(*fetch_export(current_actor(), patient_id, newest.id))
