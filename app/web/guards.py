"""Denial is the default: every view says what it needs, and every blueprint asks."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, Flask, current_app, g, request
from flask_wtf.csrf import CSRFProtect

from app.core.db import db
from app.core.errors import Forbidden, NotSignedIn
from app.core.permissions import missing, required_by, requires_sign_in
from app.core.row_scope import set_row_scope
from app.domain.identity.row_scope import own_rows_of
from app.web.principals import Principal, find_principal, is_polling, renew_session
from app.web.render import wants_fragment
from app.web.visitors import admit_visitor

csrf = CSRFProtect()


class UnguardedRoute(RuntimeError):
    """A view that declares no permission, or a blueprint that does not ask."""


def guard(blueprint: Blueprint) -> None:
    """Let a blueprint ask for the view's permissions first, then for the form's token."""
    blueprint.before_request(check_access)


def check_access() -> None:
    """Refuse who may not; raises NotSignedIn, Forbidden, or Flask-WTF's CSRFError."""
    view = current_app.view_functions[request.endpoint or ""]
    required = required_by(view)
    if required is None:
        raise UnguardedRoute(f"{request.endpoint} declares no permission")
    if requires_sign_in(view):
        principal = find_principal()
        if principal is None:
            raise NotSignedIn
        if missing(required, principal.signed_in.permissions):
            raise Forbidden
        admit_visitor(principal, view)
        narrow_to_own_rows(principal)
        _renew_where_roles_changed(principal)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not _proves_itself():
        csrf.protect()


def narrow_to_own_rows(principal: Principal) -> None:
    """Let a patient's request see that patient's rows only from here on, whatever its queries forget."""
    if principal.patient_id is None:
        return
    db.session.commit()  # that the session is in use; what follows begins in the patient's own scope
    g.undo.append(set_row_scope(own_rows_of(principal.patient_id)))


def _renew_where_roles_changed(principal: Principal) -> None:
    """Give the browser of somebody whose roles were changed a new token with its next page (ASVS 5.0, 7.2.4).

    Of two pages asked for at once one renews; the other was let in and goes on.
    """
    is_page = request.method == "GET" and not wants_fragment() and not is_polling()
    if principal.signed_in.renews and is_page:
        with suppress(NotSignedIn):
            renew_session(principal)


def _proves_itself() -> bool:
    """Tell whether a view carries its own single-use proof instead of a form token."""
    return getattr(current_app.view_functions[request.endpoint or ""], "proves_itself", False)


def refuse_unguarded(app: Flask) -> None:
    """Stop the application from starting with an undeclared route or an unguarded blueprint."""
    for endpoint, view in app.view_functions.items():
        if endpoint != "static" and required_by(view) is None:
            raise UnguardedRoute(f"{endpoint} declares no permission: use @requires(…) or @public")
    for name in app.blueprints:
        if check_access not in app.before_request_funcs.get(name, []):
            raise UnguardedRoute(f"blueprint {name} has no guard")
