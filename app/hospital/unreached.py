"""Patients whom no reminder reached: the desk calls them, and notes that it did."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.unreached import list_unreached, settle_unreached
from app.hospital import hospital
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/unreached")
@requires(BOOK_FOR_PATIENTS)
def unreached_index() -> Response:
    """Show which reminders reached nobody, the next visit first."""
    rows = list_unreached(current_actor(), page=request.args.get("page", 1, type=int))
    return render("hospital/unreached/index.html", page=rows)


@hospital.post("/unreached/<uuid:reminder_id>/settle")
@requires(BOOK_FOR_PATIENTS)
def unreached_settle(reminder_id: UUID) -> BaseResponse:
    """Note that somebody took care of it."""
    if settle_unreached(current_actor(), reminder_id):
        flash(_("Noted. The patient is off this list."), "success")
    else:
        flash(_("Somebody had noted this already."), "info")
    return see_other(url_for("hospital.unreached_index"))
