"""Support access as the hospital has it: who asks, whom it lets in to see what, and what they looked at."""

from __future__ import annotations

from uuid import UUID

from flask import Response, current_app, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.config import Settings
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _, _l
from app.core.permissions import public, requires, signed_in_only
from app.domain.identity.permissions import GRANT_SUPPORT
from app.domain.support.granting import end_support, grant_support, refuse_support
from app.domain.support.queries import get_grant, list_grants, list_looked, list_visits
from app.domain.support.rules import GRANTABLE
from app.domain.support.visiting import EntryRefused, enter, find_visitor, is_in_force
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.support import GrantForm
from app.tenancy.models.support import SupportState
from app.web.confirming import asks_again
from app.web.origins import comes_from_the_platform
from app.web.principals import current_actor, find_principal, start_session
from app.web.render import render, see_other
from app.web.security import limiter

declare_administration(
    "hospital.support_index",
    _l("Support access"),
    _l("Let the platform's support look in for some hours, and see what it looked at"),
    GRANT_SUPPORT,
    70,
)

STATES = {
    "asked": (_l("Waiting for your answer"), "warning"),
    "granted": (_l("Granted"), "success"),
    "over": (_l("Over"), "neutral"),
    "refused": (_l("Refused"), "neutral"),
    "withdrawn": (_l("Taken back"), "neutral"),
    "ended": (_l("Ended"), "neutral"),
}


@hospital.get("/support")
@requires(GRANT_SUPPORT)
def support_index() -> Response:
    """List who of the platform's support asked to look in, and what became of it."""
    return render("hospital/support/index.html", rows=list_grants(), states=STATES, is_in_force=is_in_force)


@hospital.get("/support/<uuid:support_id>")
@requires(GRANT_SUPPORT)
def support_show(support_id: UUID) -> Response:
    """Show a request, with the answer or the form of it, and what was looked at."""
    return _page(support_id)


@hospital.post("/support/<uuid:support_id>/grant")
@requires(GRANT_SUPPORT)
@asks_again
def support_grant(support_id: UUID) -> BaseResponse:
    """Let the operator in for hours, to see what was ticked."""
    form = GrantForm().offer()
    if not form.validate_on_submit():
        return _page(support_id, form)
    try:
        grant_support(current_actor(), support_id, hours=form.hours.data, permissions=form.permissions.data)
    except InvalidValue as error:
        form.add_error("permissions", error)
        return _page(support_id, form)
    flash(_("Support access is granted. You can end it at any time."), "success")
    return see_other(url_for("hospital.support_show", support_id=support_id))


@hospital.post("/support/<uuid:support_id>/refuse")
@requires(GRANT_SUPPORT)
def support_refuse(support_id: UUID) -> BaseResponse:
    """Refuse a request."""
    refuse_support(current_actor(), support_id)
    flash(_("The request is refused."), "status")
    return see_other(url_for("hospital.support_index"))


@hospital.post("/support/<uuid:support_id>/end")
@requires(GRANT_SUPPORT)
def support_end(support_id: UUID) -> BaseResponse:
    """End what was granted; whoever is inside is out at the next request."""
    end_support(current_actor(), support_id)
    flash(_("Support access is ended."), "status")
    return see_other(url_for("hospital.support_show", support_id=support_id))


@hospital.post("/support-entry")
@public
@limiter.limit("10/minute")
def support_entry() -> BaseResponse:
    """Take an operator in who was handed over, for what the hospital granted."""
    settings: Settings = current_app.extensions["settings"]
    if not comes_from_the_platform(settings):
        raise EntryRefused
    actor = current_actor()
    token = enter(
        request.form.get("token", ""),
        address=actor.address,
        request_id=actor.request_id,
        user_agent=request.headers.get("User-Agent"),
    )
    signed_in = find_visitor(token)
    if signed_in is None:
        raise EntryRefused
    start_session(token, signed_in)
    return see_other(url_for("hospital.support_welcome"))


support_entry.proves_itself = True  # type: ignore[attr-defined]


@hospital.get("/support/welcome")
@signed_in_only
def support_welcome() -> Response:
    """Say to a visitor what the hospital lets them see."""
    principal = find_principal()
    if principal is None or principal.visit is None:
        raise NotFound
    may = [entry.title for entry in GRANTABLE if principal.may(entry.code)]
    return render("hospital/support/welcome.html", may=may)


support_welcome.open_to_visitors = True  # type: ignore[attr-defined]


def _page(support_id: UUID, form: GrantForm | None = None) -> Response:
    grant, answered_by = get_grant(support_id)
    asked = grant.state is SupportState.ASKED
    return render(
        "hospital/support/show.html",
        status=422 if form else 200,
        grant=grant,
        answered_by=answered_by,
        states=STATES,
        in_force=is_in_force(grant),
        form=(form or GrantForm(formdata=None, hours=grant.hours_asked).offer()) if asked else None,
        titles={entry.code: entry.title for entry in GRANTABLE},
        visits=list_visits(support_id),
        looked=list_looked(support_id),
        has_errors=form is not None,
    )
