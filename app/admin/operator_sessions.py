"""The browsers in which an operator is signed in, for those who manage operators."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.browsers import end_sessions, list_sessions
from app.domain.identity.operators import get_operator
from app.domain.identity.permissions import MANAGE_OPERATORS
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other


@admin.get("/operators/<uuid:user_id>/sessions")
@requires(MANAGE_OPERATORS)
def operators_sessions(user_id: UUID) -> Response:
    """Show where an operator is signed in."""
    user = get_operator(user_id)
    return render(
        "account/sessions_of.html",
        owner=user.full_name,
        browsers=list_sessions(user),
        back=url_for("admin.operators_show", user_id=user_id),
        action=url_for("admin.operators_sessions_end", user_id=user_id),
    )


@admin.post("/operators/<uuid:user_id>/sessions/end")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_sessions_end(user_id: UUID) -> BaseResponse:
    """Sign an operator out everywhere."""
    ended = end_sessions(current_actor(), get_operator(user_id), "by_administrator")
    flash(_("Browsers signed out: %(count)s.", count=ended), "status")
    return see_other(url_for("admin.operators_sessions", user_id=user_id))
