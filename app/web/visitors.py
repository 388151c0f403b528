"""Operators inside a hospital only look, at what was granted; every page is written down before it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request

from app.core.errors import Forbidden
from app.core.i18n import _l
from app.core.permissions import required_by
from app.domain.support.visiting import note_page
from app.web.binding import SAFE_METHODS
from app.web.principals import Principal, current_actor


class OnlyLooking(Forbidden):
    title = _l("Support can only look")
    default_message = _l("During support access nothing can be changed, and there is no account of your own here.")


def admit_visitor(principal: Principal, view: Callable[..., Any]) -> None:
    """Let a visitor see a page that a granted permission opens, on record; raises OnlyLooking for anything else."""
    if principal.visit is None:
        return
    opened = bool(required_by(view)) or getattr(view, "open_to_visitors", False)
    if request.method not in SAFE_METHODS or not opened:
        raise OnlyLooking
    note_page(current_actor(), principal.visit.grant_id, request.endpoint or "", request.path)
