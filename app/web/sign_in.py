"""Signing in and out, the same steps for every portal: password, second factor, session row; or a passkey alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from app.core.actor import Actor
from app.core.errors import InvalidValue, TooManyAttempts
from app.core.i18n import _, _l
from app.core.permissions import public
from app.core.risks import Risk
from app.domain.identity import sessions as identity_sessions
from app.domain.identity.changing import note_sign_in
from app.domain.identity.passkeys import PasskeyRefused
from app.domain.identity.second_factor import find_by_passkey, has_second_factor, must_enrol
from app.domain.identity.sign_in import forgive_failures
from app.domain.identity.unusual_hours import note_unusual_hour
from app.domain.support.visiting import leave
from app.tenancy.binding import find_bound_hospital
from app.web.binding import at_front_door
from app.web.forms import Form
from app.web.half_signed_in import ENROLMENT_SECONDS, remember_half
from app.web.noting import note_security
from app.web.own_password import note_whether_due
from app.web.passkeys import SIGN_IN, answered, ask
from app.web.principals import current_actor, end_session, find_principal, open_session
from app.web.render import render, see_other
from app.web.security import account_key, limiter, sign_ins_per_address
from app.web.targets import local_target


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


@dataclass(frozen=True, slots=True)
class Portal:
    """What differs between the portals' sign-ins."""

    check: Callable[[str, str], Any]
    find_account: Callable[[UUID], Any]
    home: str
    record: Callable[[Actor, str, Any], None]
    form: type[Form] = SignInForm
    front_door: str | None = None


def add_sign_in(blueprint: Blueprint, portal: Portal) -> None:
    """Give a portal its sign-in and sign-out pages."""

    @blueprint.route("/sign-in", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    @limiter.limit("10/minute", key_func=account_key, methods=["POST"])
    def sign_in() -> BaseResponse:
        """Ask for name and password."""
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
                return refused(f"{blueprint.name}/identity/sign_in.html", form, "password", error)
            return after_password(portal, account, form.next.data)
        return render(f"{blueprint.name}/identity/sign_in.html", form=form, status=422 if form.errors else 200)

    if portal.front_door:
        at_front_door(sign_in)

    @blueprint.post("/sign-in/challenge")
    @public
    @limiter.limit(sign_ins_per_address)
    def sign_in_challenge() -> dict[str, Any]:
        """Say what the browser is to ask its authenticator when somebody signs in by passkey alone."""
        return ask(SIGN_IN)

    @blueprint.post("/sign-in/passkey")
    @public
    @limiter.limit(sign_ins_per_address)
    def sign_in_passkey() -> BaseResponse:
        """Let in who shows a passkey that verified its user."""
        try:
            account = portal.find_account(find_by_passkey(blueprint.name, answered(SIGN_IN)))
            if account is None or account.disabled_at is not None or getattr(account, "deleted_at", None) is not None:
                raise PasskeyRefused(field="answer")
        except PasskeyRefused as error:
            note_passkey_refused(error, "sign_in.failed")
            form = portal.form(next=request.form.get("next", ""), formdata=None)
            return refused(f"{blueprint.name}/identity/sign_in.html", form, None, error)
        return complete_sign_in(portal, account, request.form.get("next"), "passkey")

    @blueprint.post("/sign-out")
    @public
    def sign_out() -> BaseResponse:
        """End the session and clear what the browser keeps."""
        principal = find_principal()
        if principal is not None:
            if principal.visit is not None:
                leave(current_actor(), principal.signed_in.session_id, principal.visit.grant_id)
            else:
                identity_sessions.end_session(blueprint.name, principal.signed_in.session_id)
                portal.record(current_actor(), "session.end", principal)
        end_session()
        flash(_("You have signed out."), "status")
        response = see_other(url_for(f"{blueprint.name}.sign_in"))
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


def after_password(portal: Portal, account: Any, wanted: str | None) -> BaseResponse:
    """Go on with somebody whose password was right: to the second factor, to setting one up, or in."""
    if has_second_factor(account):
        remember_half(account, wanted)
        return see_other(url_for(f"{g.portal}.second_factor"))
    if must_enrol(account):
        remember_half(account, wanted, ENROLMENT_SECONDS)
        return see_other(url_for(f"{g.portal}.second_factor_new"))
    return complete_sign_in(portal, account, wanted)


def complete_sign_in(
    portal: Portal, account: Any, wanted: str | None, second_factor: str | None = None
) -> BaseResponse:
    """Begin the session row, give the browser its token, and go where it wanted to."""
    forgive_failures(account)
    note_unusual_hour(current_actor(), g.portal, account.id)
    open_session(account, second_factor)
    portal.record(current_actor(), "session.begin", account)
    note_sign_in(account)
    if note_whether_due(account):
        return see_other(url_for(f"{g.portal}.password_edit"))
    return see_other(safe_target(wanted) or url_for(portal.home))


def safe_target(wanted: str | None) -> str | None:
    """Return a wanted address when it lies in this portal of this hospital, or None."""
    return local_target(wanted, f"{request.script_root}/{g.portal}/")


def note_passkey_refused(error: PasskeyRefused, kind: str = "second_factor.failed") -> None:
    """Write down that a passkey was not accepted; one whose counter went back may have been copied."""
    risk = Risk.HIGH if error.reason == "counter" else None
    details = {"factor": "passkey", "reason": error.reason}
    note_security(kind, subject_type="account", subject_id=error.account_id, details=details, risk=risk)


def refused(
    template: str, form: Form, field: str | None, error: InvalidValue | TooManyAttempts, **shown: Any
) -> BaseResponse:
    """Show a form again with what was wrong about it, at a field or about all of it."""
    if field is None:
        form.form_errors.append(error.message)
    else:
        form.add_error(field, error)
    response = render(template, form=form, status=type(error).status, **shown)
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
