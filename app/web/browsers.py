"""The browsers one is signed in with: a section of everybody's account page, and ending them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _
from app.core.permissions import signed_in_only
from app.domain.identity.browsers import end_browser, end_browsers, list_browsers
from app.web.account import ALL, declare_account_section, own_principal
from app.web.confirming import asks_again
from app.web.principals import Principal, current_actor
from app.web.render import see_other

POSITION = 60


def add_browsers(blueprint: Blueprint) -> None:
    """Give a portal the ways to end browsers that one is signed in with."""

    @blueprint.post("/account/browsers/<uuid:session_id>/end")
    @signed_in_only
    @asks_again
    def browsers_end(session_id: UUID) -> BaseResponse:
        principal = own_principal()
        end_browser(current_actor(), principal.portal, principal.id, session_id)
        flash(_("The browser is signed out."), "status")
        return see_other(url_for(f"{blueprint.name}.account"))

    @blueprint.post("/account/browsers/end-others")
    @signed_in_only
    @asks_again
    def browsers_end_others() -> BaseResponse:
        principal = own_principal()
        own = principal.signed_in.session_id
        ended = end_browsers(current_actor(), principal.portal, principal.id, "by_owner", but=own)
        words = _("Browsers signed out: %(count)s.", count=ended) if ended else _("No other browser was signed in.")
        flash(words, "status")
        return see_other(url_for(f"{blueprint.name}.account"))


def _facts(principal: Principal) -> dict[str, Any]:
    return {
        "browsers": list_browsers(principal.portal, principal.id),
        "own_session": principal.signed_in.session_id,
    }


declare_account_section(ALL, "account/browsers.html", POSITION, _facts)
