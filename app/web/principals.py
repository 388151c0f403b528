"""The person behind a request: Flask-Login over session rows, one kind of person per portal.

Flask-Login's id names portal and hospital beside the token; a token shown anywhere else is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from flask import Flask, g, request, session
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_login import current_user as _current_user

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.errors import NotSignedIn
from app.domain.identity.browsers import is_new_device
from app.domain.identity.new_devices import tell_of_new_device
from app.domain.identity.sessions import (
    SignedIn,
    Visit,
    begin_session,
    find_operator,
    find_patient,
    find_staff,
    renew_token,
)
from app.domain.support.visiting import MARK, find_visitor
from app.tenancy.binding import find_bound_hospital
from app.web.binding import request_id
from app.web.devices import know_device

FINDERS: dict[str, Callable[..., SignedIn | None]] = {
    "admin": find_operator,
    "hospital": find_staff,
    "patient": find_patient,
}
KINDS = {"admin": ActorKind.OPERATOR, "hospital": ActorKind.STAFF, "patient": ActorKind.PATIENT}


@dataclass(frozen=True, slots=True)
class Principal(UserMixin):  # type: ignore[misc]
    """Somebody signed in to one portal of one hospital."""

    portal: str
    hospital: str | None
    token: str
    signed_in: SignedIn

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the cookie."""
        return f"{self.portal}:{self.hospital or '-'}:{self.token}"

    @property
    def id(self) -> UUID:
        return self.signed_in.account_id

    @property
    def name(self) -> str:
        return self.signed_in.name

    @property
    def patient_id(self) -> UUID | None:
        return self.signed_in.patient_id

    @property
    def visit(self) -> Visit | None:
        """Return the visit of an operator inside a hospital, None for everybody who belongs there."""
        return self.signed_in.visit

    @property
    def role_names(self) -> tuple[str, ...]:
        return self.signed_in.role_names

    def may(self, permission: str) -> bool:
        """Tell whether the person holds a permission."""
        return permission in self.signed_in.permissions


def init_principals(app: Flask) -> None:
    """Let Flask-Login ask the session rows who somebody is."""
    manager = LoginManager(app)
    manager.session_protection = None  # phones change address; the row's own limits protect instead
    manager.user_loader(_load)


def _load(user_id: str) -> Principal | None:
    portal, _, rest = user_id.partition(":")
    hospital, _, token = rest.partition(":")
    if portal != g.get("portal") or hospital != (_bound_code() or "-") or not token:
        return None
    if hospital == "-" and portal != "admin":
        return None
    if g.get("asking_who"):
        return None  # the database did not answer when it was asked; the page that says so is nobody's
    g.asking_who = True
    found = find_signed_in(portal, token, in_use=not is_polling())
    g.asking_who = False
    return None if found is None else Principal(portal, _bound_code(), token, found)


def find_signed_in(portal: str, token: str, *, in_use: bool) -> SignedIn | None:
    """Return whose valid session a token is in a portal of the bound hospital, or None."""
    finder = find_visitor if portal == "hospital" and token.startswith(MARK) else FINDERS[portal]
    return finder(token, in_use=in_use)


def is_polling() -> bool:
    """Tell whether a page asks by itself whether there is anything new: that keeps nobody signed in."""
    return request.args.get("poll") == "1" or "text/event-stream" in request.headers.get("Accept", "")


def find_principal() -> Principal | None:
    """Return who is signed in, or None."""
    return cast(Principal, _current_user._get_current_object()) if _current_user.is_authenticated else None


def start_session(token: str, signed_in: SignedIn) -> None:
    """Let the browser carry a new session; what it carried before is forgotten."""
    _forget_all_but_language()
    login_user(Principal(g.portal, _bound_code(), token, signed_in))


def open_session(account: Any, second_factor: str | None = None) -> None:
    """Begin a session row for who has just proven to be somebody, and let the browser carry its token.

    Where the account is used for the first time from this device, its owner is told.
    """
    agent, device = request.headers.get("User-Agent"), know_device()
    is_new = is_new_device(g.portal, account.id, device)
    token = begin_session(
        g.portal,
        current_actor(),
        account.id,
        user_agent=agent,
        second_factor=second_factor,
        device_hash=device,
    )
    signed_in = FINDERS[g.portal](token)
    if signed_in is None:
        raise RuntimeError("a session that was just begun is not found")
    start_session(token, signed_in)
    if is_new:
        tell_of_new_device(current_actor(), g.portal, account, agent)


def renew_session(principal: Principal, *, proven: bool = False) -> Principal:
    """Give the person's own browser a new token, as every change of what one may do asks for; the old one is dead.

    What else the browser carries stays, so that forms open in other tabs can still be sent. Raises NotSignedIn where
    another request was faster.
    """
    token = renew_token(principal.portal, principal.signed_in.session_id, principal.token, proven=proven)
    if token is None:
        raise NotSignedIn
    proven_at = clock.now() if proven else principal.signed_in.proven_at
    renewed = replace(principal, token=token, signed_in=replace(principal.signed_in, proven_at=proven_at))
    login_user(renewed)
    return renewed


def end_session() -> None:
    """Let the browser forget its session."""
    logout_user()
    _forget_all_but_language()


def _forget_all_but_language() -> None:
    locale = session.get("locale")
    session.clear()
    if locale:
        session["locale"] = locale


def current_actor() -> Actor:
    """Return the actor that operations receive: who, from where, with which permissions."""
    principal = find_principal()
    if principal is None:
        return Actor(ActorKind.SYSTEM, None, "anonymous", address=request.remote_addr, request_id=request_id())
    return Actor(
        kind=KINDS[principal.portal] if principal.visit is None else ActorKind.OPERATOR,
        id=principal.id,
        name=principal.name,
        permissions=principal.signed_in.permissions,
        address=request.remote_addr,
        request_id=request_id(),
        basis=None if principal.visit is None else Basis.SUPPORT,
        grant_id=None if principal.visit is None else principal.visit.grant_id,
        bounds=principal.signed_in.bounds,
    )


def _bound_code() -> str | None:
    hospital = find_bound_hospital()
    return hospital.code if hospital else None
