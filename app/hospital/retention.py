"""Retention: how long records are kept, what is past its time, and purges that a person confirms."""

from __future__ import annotations

import json

from flask import Response, flash, make_response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_RETENTION
from app.domain.privacy import words as said
from app.domain.privacy.retention import (
    decide_purge,
    get_certificate,
    list_purges,
    list_rules,
    propose_purge,
    set_months,
)
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.retention import MonthsForm, PurgeForm
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.retention_index",
    _l("Retention"),
    _l("How long records are kept, and what is past its time"),
    MANAGE_RETENTION,
    75,
)


@hospital.get("/retention")
@requires(MANAGE_RETENTION)
def retention_index() -> Response:
    """Show the rules, what is past its time, and the purges."""
    return _show()


@hospital.post("/retention/months")
@requires(MANAGE_RETENTION)
def retention_months() -> BaseResponse:
    """Say how long one kind is kept."""
    form = MonthsForm()
    if form.validate_on_submit():
        try:
            set_months(current_actor(), form.rule.data, form.version.data, form.months.data)
        except (InvalidValue, Conflict) as error:
            form.add_error("months", error)
        else:
            flash(_("The time is changed."), "success")
            return see_other(url_for("hospital.retention_index"))
    return _show(months_form=form)


@hospital.post("/retention/proposals")
@requires(MANAGE_RETENTION)
def retention_propose() -> BaseResponse:
    """Count what would be purged now; nothing is deleted."""
    try:
        propose_purge(current_actor(), request.form.get("rule", ""))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(_("The purge is proposed. Nothing is deleted before it is confirmed."), "success")
    return see_other(url_for("hospital.retention_index"))


@hospital.post("/retention/verdict")
@requires(MANAGE_RETENTION)
@asks_again
def retention_decide() -> BaseResponse:
    """Confirm a purge by typing its number of rows, or dismiss it."""
    form = PurgeForm()
    purge_id = parse_id(form.purge.data or "")
    if purge_id is None:
        raise NotFound
    dismiss = form.verdict.data == "dismiss"
    if form.validate_on_submit():
        try:
            decide_purge(current_actor(), purge_id, form.version.data, rows=None if dismiss else form.count)
        except (InvalidValue, Conflict) as error:
            form.add_error("rows", error)
        else:
            flash(_("The proposal is dismissed.") if dismiss else _("Confirmed. It is being performed."), "success")
            return see_other(url_for("hospital.retention_index"))
    return _show(purge_form=form)


@hospital.get("/retention/certificate")
@requires(MANAGE_RETENTION)
def retention_certificate() -> Response:
    """Hand out the signed certificate of a purge."""
    purge_id = parse_id(request.args.get("purge", ""))
    if purge_id is None:
        raise NotFound
    response = make_response(json.dumps(get_certificate(purge_id), ensure_ascii=False, indent=1))
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="purge-{purge_id}.json"'
    return response


def _show(*, months_form: MonthsForm | None = None, purge_form: PurgeForm | None = None) -> Response:
    failed = any(form is not None and form.errors for form in (months_form, purge_form))
    return render(
        "hospital/retention/index.html",
        rules=list_rules(),
        purges=list_purges(),
        months_form=months_form or MonthsForm(formdata=None),
        purge_form=purge_form or PurgeForm(formdata=None),
        said=said,
        has_errors=failed,
        status=422 if failed else 200,
    )
