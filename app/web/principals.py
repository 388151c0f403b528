"""The person behind a request: Flask-Login over session rows, one kind of person per portal.

Flask-Login's id names portal and hospital beside the token; a token shown anywhere else is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from flask import Flask, g, request, session
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_login import current_user as _current_user

from app.core.actor import Actor, ActorKind
from app.domain.identity.sessions import SignedIn, find_operator, find_patient, find_staff
from app.tenancy.binding import find_bound_hospital
from app.web.binding import request_id

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
    found = FINDERS[portal](token, in_use=request.args.get("poll") != "1")
    g.asking_who = False
    return None if found is None else Principal(portal, _bound_code(), token, found)


def find_principal() -> Principal | None:
    """Return who is signed in, or None."""
    return cast(Principal, _current_user._get_current_object()) if _current_user.is_authenticated else None


def start_session(token: str, signed_in: SignedIn) -> None:
    """Let the browser carry a new session; what it carried before is forgotten."""
    _forget_all_but_language()
    login_user(Principal(g.portal, _bound_code(), token, signed_in))


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
        kind=KINDS[principal.portal],
        id=principal.id,
        name=principal.name,
        permissions=principal.signed_in.permissions,
        address=request.remote_addr,
        request_id=request_id(),
    )


def _bound_code() -> str | None:
    hospital = find_bound_hospital()
    return hospital.code if hospital else None
