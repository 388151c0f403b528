"""Support access as operators have it: asking a hospital, following the answer, going in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, current_app, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.support import AskForm
from app.admin.tabs import declare_tab
from app.admin.words import ACTIONS
from app.config import Settings
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.core.unit_of_work import unit_of_work
from app.domain.identity.permissions import ASK_SUPPORT_ACCESS
from app.domain.support.rules import GRANTABLE
from app.domain.support.visiting import EntryRefused, begin_visit
from app.tenancy import queries
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import bind_hospital
from app.tenancy.models import Hospital
from app.tenancy.support import ask_support, get_own_request, give_back, is_in_force, list_requests
from app.web.confirming import asks_again
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_menu("admin.support_index", _l("Support access"), "eye", ASK_SUPPORT_ACCESS, 70)
declare_tab("admin.hospital_support_index", _l("Support access"), ASK_SUPPORT_ACCESS, 75)

ACTIONS.update(
    {
        "support.ask": _l("Support access asked for"),
        "support.withdraw": _l("Support access given back"),
        "support.enter": _l("Support entered the hospital"),
        "session.confirm": _l("Identity confirmed again"),
        "session.revoke": _l("Signed-in browser ended"),
    }
)


@admin.context_processor
def _support_words() -> dict[str, Any]:
    return {
        "SUPPORT_STATES": {
            "asked": (_l("Waiting for the hospital"), "info"),
            "granted": (_l("Granted"), "success"),
            "over": (_l("Over"), "neutral"),
            "refused": (_l("Refused"), "danger"),
            "withdrawn": (_l("Taken back"), "neutral"),
            "ended": (_l("Ended"), "neutral"),
        },
        "SUPPORT_MAY": {entry.code: entry.title for entry in GRANTABLE},
        "is_in_force": is_in_force,
    }


@admin.get("/support")
@requires(ASK_SUPPORT_ACCESS)
def support_index() -> Response:
    """List one's own requests of all hospitals."""
    return render("admin/support/index.html", rows=list_requests(operator_id=current_actor().id))


@admin.get("/hospitals/<string:code>/support")
@requires(ASK_SUPPORT_ACCESS)
def hospital_support_index(code: str) -> Response:
    """Show what was asked of a hospital, and ask."""
    return _hospital_page(queries.get_hospital(code), AskForm(formdata=None))


@admin.post("/hospitals/<string:code>/support")
@requires(ASK_SUPPORT_ACCESS)
def hospital_support_ask(code: str) -> BaseResponse:
    """Ask a hospital to be let in."""
    hospital, form = queries.get_hospital(code), AskForm()
    if form.validate_on_submit():
        try:
            ask_support(current_actor(), hospital, form.reason.data, form.hours.data)
        except InvalidValue as error:
            form.add_error("reason", error)
        else:
            flash(_("The hospital has been asked. You see its answer here."), "success")
            return see_other(url_for("admin.hospital_support_index", code=code))
    return _hospital_page(hospital, form, status=422)


@admin.post("/support/<uuid:support_id>/give-back")
@requires(ASK_SUPPORT_ACCESS)
def support_give_back(support_id: UUID) -> BaseResponse:
    """Withdraw one's own request, or end what was granted for it."""
    give_back(current_actor(), support_id)
    flash(_("Given back."), "status")
    return see_other(url_for("admin.support_index"))


@admin.post("/support/<uuid:support_id>/enter")
@requires(ASK_SUPPORT_ACCESS)
@asks_again
def support_enter(support_id: UUID) -> BaseResponse:
    """Make the way into the hospital; the page that comes leads there, once and within a minute."""
    actor = current_actor()
    wanted = get_own_request(actor, support_id)
    hospital = db.session.get_one(Hospital, wanted.hospital_id)
    if not is_in_force(wanted):
        raise Conflict(_l("The hospital has not granted it, or the time is over."))
    code, name, hospital_id = hospital.code, hospital.display_name, hospital.id
    try:
        with bind_hospital(code), unit_of_work():
            token = begin_visit(actor, support_id)
    except EntryRefused as error:
        raise Conflict(error.message) from error
    record_platform_change(
        db.session(),
        actor,
        "support.enter",
        subject_type="support_request",
        subject_id=support_id,
        hospital_id=hospital_id,
        risk="high",
    )
    return render("admin/support/enter.html", token=token, address=_entrance(code), name=name)


def _entrance(code: str) -> str:
    """Return where a hand-off into a hospital is sent: under its path, or on its host below the platform's own."""
    settings: Settings = current_app.extensions["settings"]
    if settings.hospital_host_suffix is None:
        return f"{request.script_root}/h/{code}/hospital/support-entry"
    base = urlsplit(settings.base_url)
    port = f":{base.port}" if base.port else ""
    return f"{base.scheme}://{code}.{settings.hospital_host_suffix}{port}/hospital/support-entry"


def _hospital_page(hospital: Hospital, form: AskForm, *, status: int = 200) -> Response:
    rows = list_requests(hospital_id=hospital.id)
    return render(
        "admin/support/hospital.html",
        status=status,
        subject=hospital,
        rows=rows,
        form=form,
        own_id=current_actor().id,
        has_errors=bool(form.errors),
    )
