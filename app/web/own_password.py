"""Changing one's own password: a section of everybody's account page, and the page that comes first where it must be.

It asks for the present password itself, so that a browser left open is not enough. (ASVS 5.0, 6.2.2, 6.2.3, 7.5.1)
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

from app.core.db import db
from app.core.errors import InvalidValue, NotSignedIn
from app.core.i18n import _, _l
from app.core.permissions import signed_in_only
from app.domain.identity.changing import change_own_password
from app.domain.identity.history import must_change
from app.domain.identity.sessions import KINDS
from app.web.account import ALL, declare_account_section, own_principal
from app.web.new_password_form import NewPasswordForm, password_hint
from app.web.principals import Principal, current_actor, find_principal, renew_session
from app.web.render import render, see_other
from app.web.security import limiter

POSITION = 20
DUE = "must_change_password"
OPEN_WHILE_DUE = (
    "password_edit",
    "password_update",
    "sign_out",
    "confirm",
    "account_challenge",
    "account_recovery_codes",
)


class OwnPasswordForm(NewPasswordForm):
    """The present password, and the one that replaces it."""

    present = PasswordField(
        _l("Present password"),
        validators=[DataRequired(_l("Enter your present password.")), Length(max=128)],
        render_kw={"autocomplete": "current-password"},
    )


def add_own_password(blueprint: Blueprint) -> None:
    """Give a portal the page of one's own password, and let it come first where it is due."""
    portal = blueprint.name
    blueprint.before_request(_first_a_new_password)

    @blueprint.get("/account/password")
    @signed_in_only
    def password_edit() -> BaseResponse:
        return _page(OwnPasswordForm(formdata=None))

    @blueprint.post("/account/password")
    @signed_in_only
    @limiter.limit("20/minute")
    def password_update() -> BaseResponse:
        form, principal = OwnPasswordForm(), own_principal()
        if not form.validate():
            return _page(form, 422)
        try:
            change_own_password(
                current_actor(),
                _account_of(principal),
                present=form.present.data,
                password=form.password.data,
                session_id=principal.signed_in.session_id,
            )
        except InvalidValue as error:
            form.add_error("password", error)
            return _page(form, 422)
        renew_session(principal, proven=True)
        was_due = session.pop(DUE, False)
        flash(_("Your password is changed. Other browsers were signed out."), "success")
        return see_other(url_for(f"{portal}.index" if was_due else f"{portal}.account"))


def note_whether_due(account: Any) -> bool:
    """Have the browser of somebody who has just signed in ask for a new password first, where one is due."""
    if must_change(account):
        session[DUE] = True
    return DUE in session


def _first_a_new_password() -> BaseResponse | None:
    """Lead to the page of the password whoever must choose a new one."""
    view = (request.endpoint or "").rpartition(".")[2]
    if DUE not in session or view in OPEN_WHILE_DUE or find_principal() is None:
        return None
    return see_other(url_for(f"{request.blueprint}.password_edit"))


def _account_of(principal: Principal) -> Any:
    account = db.session.get(KINDS[principal.portal].account, principal.id)
    if account is None:
        raise NotSignedIn
    return account


def _page(form: OwnPasswordForm, status: int = 200) -> BaseResponse:
    portal = own_principal().portal
    return render(
        "account/password_edit.html",
        form=form,
        hint=password_hint(portal),
        is_due=DUE in session,
        has_errors=status != 200,
        status=status,
    )


def _facts(principal: Principal) -> dict[str, Any]:
    return {"changed_at": _account_of(principal).password_changed_at}


declare_account_section(ALL, "account/password.html", POSITION, _facts)
