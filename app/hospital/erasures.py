"""Erasing patients at the hospital: legal holds, proposals, and the second person's decision."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import ERASE_PATIENTS, MANAGE_PRIVACY
from app.domain.privacy import words as said
from app.domain.privacy.erasing import decide, place_hold, propose, release_hold
from app.domain.privacy.models import ErasureKind
from app.domain.privacy.overview import list_erasures
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.erasures import ErasureForm, HoldForm, ReleaseForm, VerdictForm
from app.hospital.patient_privacy import show_privacy
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.erasures_index",
    _l("Erasures"),
    _l("Who is to be erased or de-identified, and who has decided it"),
    ERASE_PATIENTS,
    70,
)


@hospital.get("/erasures")
@requires(ERASE_PATIENTS)
def erasures_index() -> Response:
    """List erasures, those that wait for a second person first."""
    return render("hospital/erasures/index.html", erasures=list_erasures(current_actor()), said=said)


@hospital.post("/patients/<uuid:patient_id>/legal-holds")
@requires(MANAGE_PRIVACY)
def erasures_hold(patient_id: UUID) -> BaseResponse:
    """Place a legal hold."""
    form = HoldForm()
    if form.validate_on_submit() and (day := form.read_day()) is not False:
        try:
            place_hold(current_actor(), patient_id, form.hold_reason.data, day)
        except InvalidValue as error:
            form.add_error("hold_reason", error)
        else:
            flash(_("The hold stands. Nothing of this patient is erased or purged."), "success")
            return _back(patient_id)
    return show_privacy(patient_id, hold_form=form)


@hospital.post("/patients/<uuid:patient_id>/legal-holds/release")
@requires(MANAGE_PRIVACY)
def erasures_release(patient_id: UUID) -> BaseResponse:
    """Lift a legal hold, for a reason."""
    form = ReleaseForm()
    hold_id = parse_id(form.hold_id.data or "")
    if hold_id is None:
        raise NotFound
    if form.validate_on_submit():
        release_hold(current_actor(), patient_id, hold_id, form.release_reason.data)
        flash(_("The hold is lifted."), "success")
        return _back(patient_id)
    return show_privacy(patient_id, release_form=form)


@hospital.post("/patients/<uuid:patient_id>/erasures")
@requires(MANAGE_PRIVACY, ERASE_PATIENTS)
@asks_again
def erasures_propose(patient_id: UUID) -> BaseResponse:
    """Propose to erase or de-identify a patient."""
    form = ErasureForm()
    if form.validate_on_submit():
        try:
            propose(current_actor(), patient_id, ErasureKind(form.kind.data), form.reason.data)
        except (Conflict, InvalidValue) as error:
            form.add_error("kind", error)
        else:
            flash(_("The proposal waits for a second person."), "success")
            return _back(patient_id)
    return show_privacy(patient_id, erasure_form=form)


@hospital.post("/patients/<uuid:patient_id>/erasures/verdict")
@requires(MANAGE_PRIVACY, ERASE_PATIENTS)
@asks_again
def erasures_decide(patient_id: UUID) -> BaseResponse:
    """Approve a proposal of somebody else, or refuse it."""
    form = VerdictForm()
    erasure_id = parse_id(form.erasure_id.data or "")
    if not form.validate_on_submit() or erasure_id is None:
        raise NotFound
    approve = form.verdict.data == "approve"
    try:
        decide(current_actor(), patient_id, erasure_id, form.version.data, approve=approve)
    except Conflict as error:
        flash(error.message, "danger")
        return _back(patient_id)
    flash(_("Approved. It is being performed.") if approve else _("The proposal is refused."), "success")
    return _back(patient_id)


def _back(patient_id: UUID) -> BaseResponse:
    return see_other(url_for("hospital.patient_privacy_show", patient_id=patient_id))
