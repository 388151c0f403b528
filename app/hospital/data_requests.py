"""Patients' requests about their data: the list with the most urgent first, and answering one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_PRIVACY
from app.domain.patients.queries import open_patient
from app.domain.privacy import words as said
from app.domain.privacy.deadlines import DAYS, days_for
from app.domain.privacy.models import RequestKind, RequestVia
from app.domain.privacy.own_deadlines import set_deadlines
from app.domain.privacy.requests import (
    ask,
    close,
    count_overdue,
    extend,
    list_requests,
    open_request,
    read_deadlines,
    take,
)
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.privacy import AnswerForm, DeadlinesForm, DeskRequestForm, ExtensionForm, VersionForm
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.data_requests_index",
    _l("Requests about data"),
    _l("What patients ask about their data, and until when it is to be answered"),
    MANAGE_PRIVACY,
    60,
)


@hospital.get("/data-requests")
@requires(MANAGE_PRIVACY)
def data_requests_index() -> Response:
    """List the open requests, the most urgent first, or the closed ones."""
    closed = request.args.get("closed") == "1"
    page = list_requests(current_actor(), closed=closed, page=request.args.get("page", 1, type=int))
    return render(
        "hospital/data_requests/index.html",
        page=page,
        closed=closed,
        overdue=count_overdue(),
        said=said,
        now=clock.now(),
    )


@hospital.route("/data-requests/deadlines", methods=["GET", "POST"])
@requires(MANAGE_PRIVACY)
def data_requests_deadlines() -> BaseResponse:
    """Say how many days each kind of request may take."""
    own = read_deadlines()
    form = DeadlinesForm(data={kind.value: days_for(kind, own) for kind in RequestKind})
    if form.validate_on_submit():
        try:
            set_deadlines(current_actor(), form.days)
        except InvalidValue as error:
            form.add_error("access", error)
        else:
            flash(_("The times are changed. Open requests keep theirs."), "success")
            return see_other(url_for("hospital.data_requests_index"))
    failed = bool(form.errors)
    return render(
        "hospital/data_requests/deadlines.html",
        form=form,
        fields=[(form[kind.value], DAYS[kind]) for kind in RequestKind],
        has_errors=failed,
        status=422 if failed else 200,
    )


@hospital.get("/data-requests/<uuid:request_id>")
@requires(MANAGE_PRIVACY)
def data_requests_show(request_id: UUID) -> Response:
    """Show a request with everything that can be done about it."""
    return _show(request_id, AnswerForm(), ExtensionForm())


@hospital.post("/data-requests/<uuid:request_id>/handler")
@requires(MANAGE_PRIVACY)
def data_requests_take(request_id: UUID) -> BaseResponse:
    """Take a request over."""
    form = VersionForm()
    if form.validate_on_submit():
        take(current_actor(), request_id, form.version.data)
        flash(_("You handle this request now."), "success")
    return see_other(url_for("hospital.data_requests_show", request_id=request_id))


@hospital.post("/data-requests/<uuid:request_id>/extension")
@requires(MANAGE_PRIVACY)
def data_requests_extend(request_id: UUID) -> BaseResponse:
    """Give a request more time, once, for a reason that the patient reads."""
    form = ExtensionForm()
    if form.validate_on_submit():
        try:
            extend(current_actor(), request_id, form.version.data, form.extension_reason.data)
        except (InvalidValue, Conflict) as error:
            form.add_error("extension_reason", error)
        else:
            flash(_("The request has more time; the patient sees why."), "success")
            return see_other(url_for("hospital.data_requests_show", request_id=request_id))
    return _show(request_id, AnswerForm(formdata=None), form)


@hospital.post("/data-requests/<uuid:request_id>/answer")
@requires(MANAGE_PRIVACY)
def data_requests_answer(request_id: UUID) -> BaseResponse:
    """Answer a request, or refuse it with reasons."""
    form = AnswerForm()
    if form.validate_on_submit():
        try:
            close(current_actor(), request_id, form.version.data, form.answer.data, refused=form.refused.data)
        except (InvalidValue, Conflict) as error:
            form.add_error("answer", error)
        else:
            flash(_("The request is answered; the patient sees it in the portal."), "success")
            return see_other(url_for("hospital.data_requests_show", request_id=request_id))
    return _show(request_id, form, ExtensionForm(formdata=None))


@hospital.route("/patients/<uuid:patient_id>/data-requests/new", methods=["GET", "POST"])
@requires(MANAGE_PRIVACY)
def data_requests_new(patient_id: UUID) -> BaseResponse:
    """Write down what a patient asks for at the desk or by letter; the clock starts."""
    patient = open_patient(current_actor(), patient_id, "data_request.new", MANAGE_PRIVACY)
    form = DeskRequestForm()
    if form.validate_on_submit():
        try:
            asked = ask(current_actor(), patient_id, form.wanted, form.wish.data or "", RequestVia.DESK)
        except Conflict as error:
            form.add_error("kind", error)
        else:
            flash(_("Request %(code)s is written down.", code=asked.code), "success")
            return see_other(url_for("hospital.data_requests_show", request_id=asked.id))
    failed = bool(form.errors)
    return render(
        "hospital/data_requests/new.html",
        form=form,
        patient=patient,
        has_errors=failed,
        status=422 if failed else 200,
    )


def _show(request_id: UUID, form: AnswerForm, extension: ExtensionForm) -> Response:
    asked, patient, handler = open_request(current_actor(), request_id)
    failed = bool(form.errors or extension.errors)
    form.version.data = extension.version.data = asked.version
    return render(
        "hospital/data_requests/show.html",
        asked=asked,
        patient=patient,
        handler=handler,
        form=form,
        extension=extension,
        said=said,
        now=clock.now(),
        has_errors=failed,
        status=422 if failed else 200,
    )
