"""The browsers in which a member of staff is signed in, for those who manage staff."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.browsers import end_sessions, list_sessions
from app.domain.identity.permissions import MANAGE_STAFF
from app.domain.identity.staff import get_staff, refuse_more_than_own, roles_of
from app.hospital import hospital
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/staff/<uuid:staff_id>/sessions")
@requires(MANAGE_STAFF)
def staff_sessions(staff_id: UUID) -> Response:
    """Show where somebody is signed in."""
    staff = get_staff(staff_id)
    return render(
        "account/sessions_of.html",
        owner=staff.full_name,
        browsers=list_sessions(staff),
        back=url_for("hospital.staff_show", staff_id=staff_id),
        action=url_for("hospital.staff_sessions_end", staff_id=staff_id),
    )


@hospital.post("/staff/<uuid:staff_id>/sessions/end")
@requires(MANAGE_STAFF)
@asks_again
def staff_sessions_end(staff_id: UUID) -> BaseResponse:
    """Sign somebody out everywhere; raises HoldsMore where the person may do more than who manages it."""
    actor = current_actor()
    refuse_more_than_own(actor, roles_of(staff_id))
    ended = end_sessions(actor, get_staff(staff_id), "by_administrator")
    flash(_("Browsers signed out: %(count)s.", count=ended), "status")
    return see_other(url_for("hospital.staff_sessions", staff_id=staff_id))
