"""A patient's own data: what it may be used for, and requests about it."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, NotFound
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import OWN_RECORD
from app.domain.privacy import words
from app.domain.privacy.consents import answer, list_history, list_standing, open_consents
from app.domain.privacy.exports import ask_for_export, fetch_export, find_newest_export
from app.domain.privacy.models import ConsentDecision, RequestKind, RequestVia
from app.domain.privacy.requests import ask, get_own, list_own, withdraw
from app.patient import patient
from app.patient.forms.my_data import ConsentForm, RequestForm
from app.patient.own import own_patient_id
from app.web.account import declare_account_section
from app.web.attachments import attachment
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_account_section("patient", "patient/my_data/section.html", 60)


@patient.get("/my-data")
@requires(OWN_RECORD)
def my_data_index() -> Response:
    """Show what a patient can do about their data."""
    requests = list_own(current_actor(), own_patient_id())
    asked = sum(one.asks for one in list_standing(own_patient_id()))
    export = find_newest_export(own_patient_id())
    return render(
        "patient/my_data/index.html", requests=requests, asked=asked, export=export, words=words, now=clock.now()
    )


@patient.post("/my-data/export")
@requires(OWN_RECORD)
@asks_again
def my_data_export() -> BaseResponse:
    """Ask for a copy of everything that the hospital holds of oneself."""
    ask_for_export(current_actor(), own_patient_id())
    flash(_("Your copy is being made. It will be ready here in a few minutes."), "success")
    return see_other(url_for("patient.my_data_index"))


@patient.post("/my-data/export/file")
@requires(OWN_RECORD)
@asks_again
def my_data_export_file() -> BaseResponse:
    """Hand the copy over; who fetched it and when is written down."""
    newest = find_newest_export(own_patient_id())
    if newest is None:
        raise NotFound
    return attachment(*fetch_export(current_actor(), own_patient_id(), newest.id))


@patient.get("/my-data/consents")
@requires(OWN_RECORD)
def my_data_consents() -> Response:
    """Show each purpose in the words that the patient agrees to, and what was answered."""
    standing = open_consents(current_actor(), own_patient_id(), own=True)
    return render(
        "patient/my_data/consents.html", standing=standing, history=list_history(own_patient_id()), words=words
    )


@patient.post("/my-data/consents")
@requires(OWN_RECORD)
def my_data_answer() -> BaseResponse:
    """Agree to a purpose, or refuse it; it holds from this moment on."""
    form = ConsentForm()
    if not form.validate_on_submit():
        raise NotFound
    decision = ConsentDecision(form.decision.data)
    try:
        answer(current_actor(), own_patient_id(), form.purpose.data, decision, form.number.data)
    except Conflict as error:
        flash(error.message, "warning")
        return see_other(url_for("patient.my_data_consents"))
    given = decision is ConsentDecision.GIVEN
    flash(_("You have agreed.") if given else _("Your refusal counts from now on."), "success")
    return see_other(url_for("patient.my_data_consents"))


@patient.route("/my-data/requests/new", methods=["GET", "POST"])
@requires(OWN_RECORD)
def my_data_ask() -> BaseResponse:
    """Ask the hospital something about one's data."""
    form = RequestForm()
    if form.validate_on_submit():
        try:
            asked = ask(
                current_actor(), own_patient_id(), RequestKind(form.kind.data), form.wish.data or "", RequestVia.PORTAL
            )
        except Conflict as error:
            form.add_error("kind", error)
        else:
            flash(_("Your request %(code)s has been received.", code=asked.code), "success")
            return see_other(url_for("patient.my_data_request", request_id=asked.id))
    failed = bool(form.errors)
    return render("patient/my_data/ask.html", form=form, has_errors=failed, status=422 if failed else 200)


@patient.get("/my-data/requests/<uuid:request_id>")
@requires(OWN_RECORD)
def my_data_request(request_id: UUID) -> Response:
    """Show how far a request is, and its answer."""
    asked = get_own(current_actor(), own_patient_id(), request_id)
    return render("patient/my_data/request.html", asked=asked, words=words, now=clock.now())


@patient.post("/my-data/requests/<uuid:request_id>/withdrawal")
@requires(OWN_RECORD)
def my_data_withdraw(request_id: UUID) -> BaseResponse:
    """Take a request back."""
    withdraw(current_actor(), own_patient_id(), request_id)
    flash(_("You have taken your request back."), "success")
    return see_other(url_for("patient.my_data_request", request_id=request_id))
