"""Signing in and out, the same steps for every portal: password, second factor where enrolled, session row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, g, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from app.core import clock
from app.core.actor import Actor
from app.core.crypto import Keyring
from app.core.errors import InvalidValue, TooManyAttempts
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import public
from app.domain.identity import sessions as identity_sessions
from app.domain.identity.sign_in import check_code
from app.domain.identity.totp import is_enrolled
from app.tenancy.binding import find_bound_hospital
from app.web.binding import at_front_door
from app.web.forms import Form
from app.web.noting import note_security
from app.web.principals import current_actor, end_session, find_principal, open_session
from app.web.render import render, see_other
from app.web.security import account_key, limiter
from app.web.targets import local_target

SECOND_FACTOR_SECONDS = 300


class SignInForm(Form):
    """A name and a password."""

    username = StringField(
        _l("Sign-in name"),
        validators=[DataRequired(_l("Enter your sign-in name.")), Length(max=100)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("Password"),
        validators=[DataRequired(_l("Enter your password.")), Length(max=128)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class SecondFactorForm(Form):
    """The code that the authenticator app shows."""

    code = StringField(
        _l("Six-digit code"),
        validators=[DataRequired(_l("Enter the code that your authenticator app shows.")), Length(max=10)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )


@dataclass(frozen=True, slots=True)
class Portal:
    """What differs between the portals' sign-ins."""

    check: Callable[[str, str], Any]
    find_account: Callable[[UUID], Any]
    home: str
    record: Callable[[Actor, str, Any], None]
    form: type[Form] = SignInForm
    front_door: str | None = None


def keyring() -> Keyring:
    """Return the application's keys."""
    ring: Keyring = current_app.extensions["keyring"]
    return ring


def add_sign_in(blueprint: Blueprint, portal: Portal) -> None:
    """Give a portal its sign-in, second-factor and sign-out pages."""

    @blueprint.route("/sign-in", methods=["GET", "POST"])
    @public
    @limiter.limit("30/minute", methods=["POST"])
    @limiter.limit("10/minute", key_func=account_key, methods=["POST"])
    def sign_in() -> BaseResponse:
        if portal.front_door and find_bound_hospital() is None:
            return see_other(url_for(portal.front_door))
        if find_principal() is not None and request.method == "GET":
            return see_other(url_for(portal.home))
        form = portal.form(next=request.args.get("next", ""))
        if form.validate_on_submit():
            try:
                account = portal.check(form.username.data, form.password.data)
            except (InvalidValue, TooManyAttempts) as error:
                note_security("sign_in.failed", subject_type="account", subject_id=getattr(error, "account_id", None))
                return _refused(f"{blueprint.name}/identity/sign_in.html", form, "password", error)
            return _password_accepted(portal, account, form.next.data)
        return render(f"{blueprint.name}/identity/sign_in.html", form=form, status=422 if form.errors else 200)

    if portal.front_door:
        at_front_door(sign_in)

    @blueprint.route("/second-factor", methods=["GET", "POST"])
    @public
    @limiter.limit("10/minute", methods=["POST"])
    def second_factor() -> BaseResponse:
        account = _half_signed_in(portal)
        if account is None:
            return see_other(url_for(f"{blueprint.name}.sign_in"))
        form = SecondFactorForm()
        if form.validate_on_submit():
            try:
                check_code(keyring(), account, form.code.data)
            except (InvalidValue, TooManyAttempts) as error:
                note_security("second_factor.failed", subject_type="account", subject_id=account.id)
                return _refused(f"{blueprint.name}/identity/second_factor.html", form, "code", error)
            return complete_sign_in(portal, account, session.get("second_factor", {}).get("next"))
        return render(f"{blueprint.name}/identity/second_factor.html", form=form, status=422 if form.errors else 200)

    @blueprint.post("/sign-out")
    @public
    def sign_out() -> BaseResponse:
        principal = find_principal()
        if principal is not None:
            identity_sessions.end_session(blueprint.name, principal.signed_in.session_id)
            portal.record(current_actor(), "session.end", principal)
        end_session()
        flash(_("You have signed out."), "status")
        response = see_other(url_for(f"{blueprint.name}.sign_in"))
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


def complete_sign_in(portal: Portal, account: Any, wanted: str | None) -> BaseResponse:
    """Begin the session row, give the browser its token, and go where it wanted to."""
    open_session(account.id)
    portal.record(current_actor(), "session.begin", account)
    return see_other(safe_target(wanted) or url_for(portal.home))


def safe_target(wanted: str | None) -> str | None:
    """Return a wanted address when it lies in this portal of this hospital, or None."""
    return local_target(wanted, f"{request.script_root}/{g.portal}/")


def _password_accepted(portal: Portal, account: Any, wanted: str | None) -> BaseResponse:
    if not is_enrolled(account):
        return complete_sign_in(portal, account, wanted)
    session["second_factor"] = {
        "account": str(account.id),
        "until": clock.now().timestamp() + SECOND_FACTOR_SECONDS,
        "next": wanted or "",
    }
    return see_other(url_for(f"{g.portal}.second_factor"))


def _half_signed_in(portal: Portal) -> Any | None:
    pending = session.get("second_factor")
    if not pending or pending["until"] < clock.now().timestamp():
        return None
    account_id = parse_id(pending["account"])
    return portal.find_account(account_id) if account_id else None


def _refused(template: str, form: Form, field: str, error: InvalidValue | TooManyAttempts) -> BaseResponse:
    form.add_error(field, error)
    response = render(template, form=form, status=type(error).status)
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
