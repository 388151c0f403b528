"""The pages between password and session: a code, a recovery code or a passkey; and for who has none, setting one up.

Whoever is here has shown the password only. No other page is open to them (ASVS 5.0, 6.3.3).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, g, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue, NotFound, TooManyAttempts
from app.core.i18n import _l
from app.core.permissions import public
from app.domain.identity.owners import label_of
from app.domain.identity.passkeys import PasskeyRefused
from app.domain.identity.second_factor import (
    add_passkey,
    check_app_code,
    check_passkey,
    check_recovery_code,
    factors_of,
    has_second_factor,
    set_up_app,
)
from app.web.authenticator_app import setting_up
from app.web.forms import Form
from app.web.half_signed_in import find_half, half_actor, keep_codes, offered_secret, wanted_page
from app.web.noting import note_security
from app.web.passkeys import ADD, SECOND_FACTOR, answered, ask, passkey_name, passkeys_possible
from app.web.render import render, see_other
from app.web.security import limiter, sign_ins_per_address
from app.web.sign_in import Portal, complete_sign_in, note_passkey_refused, refused

PAGE, NEW_PAGE = "account/second_factor.html", "account/second_factor_new.html"
RECOVERY_PAGE = "account/second_factor_recovery.html"


class CodeForm(Form):
    """The code that the authenticator app shows."""

    code = StringField(
        _l("Six-digit code"),
        validators=[DataRequired(_l("Enter the code that your authenticator app shows.")), Length(max=10)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )


class RecoveryCodeForm(Form):
    """One of the codes that were kept for the day the telephone is gone."""

    recovery_code = StringField(
        _l("Recovery code"),
        validators=[DataRequired(_l("Enter one of your recovery codes.")), Length(max=40)],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )


def add_second_factor(blueprint: Blueprint, portal: Portal) -> None:
    """Give a portal the pages of the second factor."""
    _add_asking(blueprint, portal)
    _add_setting_up(blueprint, portal)

    @blueprint.post("/second-factor/challenge")
    @public
    @limiter.limit(sign_ins_per_address)
    def second_factor_challenge() -> dict[str, Any]:
        """Say what the browser is to ask its authenticator, for a passkey or for a new one."""
        account = find_half(portal.find_account)
        if account is None:
            raise NotFound
        if has_second_factor(account):
            return ask(SECOND_FACTOR, account)
        return ask(ADD, account, label=label_of(account))


def _add_asking(blueprint: Blueprint, portal: Portal) -> None:
    @blueprint.route("/second-factor", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    def second_factor() -> BaseResponse:
        """Ask for the code of the authenticator app, and let in who shows it."""
        account = find_half(portal.find_account)
        if account is None:
            return _to("sign_in")
        if not has_second_factor(account):
            return _to("second_factor_new")
        form = CodeForm()
        if form.validate_on_submit():
            try:
                check_app_code(account, form.code.data)
            except (InvalidValue, TooManyAttempts) as error:
                return _failed(PAGE, account, form, "code", error)
            return complete_sign_in(portal, account, wanted_page(), "app")
        return render(PAGE, form=form, status=422 if form.errors else 200, **_ways(account))

    @blueprint.route("/second-factor/recovery-code", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    def second_factor_recovery() -> BaseResponse:
        """Ask for a recovery code in its place."""
        account = find_half(portal.find_account)
        if account is None:
            return _to("sign_in")
        form = RecoveryCodeForm()
        if form.validate_on_submit():
            try:
                check_recovery_code(account, form.recovery_code.data)
            except (InvalidValue, TooManyAttempts) as error:
                return _failed(RECOVERY_PAGE, account, form, "recovery_code", error)
            return complete_sign_in(portal, account, wanted_page(), "recovery_code")
        return render(RECOVERY_PAGE, form=form, status=422 if form.errors else 200)

    @blueprint.route("/second-factor/passkey", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    def second_factor_passkey() -> BaseResponse:
        """Let in who shows a passkey after the password."""
        account = find_half(portal.find_account)
        if account is None or request.method == "GET":
            return _to("sign_in" if account is None else "second_factor")
        try:
            check_passkey(account, answered(SECOND_FACTOR))
        except PasskeyRefused as error:
            note_passkey_refused(error)
            return refused(PAGE, CodeForm(formdata=None), None, error, **_ways(account))
        return complete_sign_in(portal, account, wanted_page(), "passkey")


def _add_setting_up(blueprint: Blueprint, portal: Portal) -> None:
    @blueprint.route("/second-factor/new", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    def second_factor_new() -> BaseResponse:
        """Have somebody set up the first authenticator app, before anything else."""
        account = find_half(portal.find_account)
        if account is None or has_second_factor(account):
            return _to("sign_in" if account is None else "second_factor")
        form = CodeForm()
        if form.validate_on_submit():
            actor = half_actor(account)
            try:
                codes = set_up_app(actor, account, offered_secret(account), form.code.data)
            except InvalidValue as error:
                return refused(NEW_PAGE, form, "code", error, **setting_up(account))
            return _enrolled(portal, account, codes, "app")
        return render(NEW_PAGE, status=422 if form.errors else 200, form=form, **setting_up(account))

    @blueprint.route("/second-factor/new-passkey", methods=["GET", "POST"])
    @public
    @limiter.limit(sign_ins_per_address, methods=["POST"])
    def second_factor_new_passkey() -> BaseResponse:
        """Take a passkey as the first second factor."""
        account = find_half(portal.find_account)
        if account is None or request.method == "GET" or has_second_factor(account):
            return _to("sign_in" if account is None else "second_factor")
        try:
            codes = add_passkey(half_actor(account), account, answered(ADD), passkey_name())
        except InvalidValue as error:
            return refused(NEW_PAGE, CodeForm(formdata=None), None, error, **setting_up(account))
        return _enrolled(portal, account, codes, "passkey")


def _enrolled(portal: Portal, account: Any, codes: list[str], factor: str) -> BaseResponse:
    """Let somebody in who has set up the first factor; the recovery codes are shown on the way."""
    response = complete_sign_in(portal, account, wanted_page(), factor)
    keep_codes(account, codes)
    return see_other(url_for(f"{g.portal}.account_recovery_codes", next=response.location))


def _failed(page: str, account: Any, form: Form, field: str, error: InvalidValue | TooManyAttempts) -> BaseResponse:
    """Show the page again; what was read of the account was rolled back with the failure."""
    account_id = sa.inspect(account).identity[0]
    note_security("second_factor.failed", subject_type="account", subject_id=account_id, details={"factor": field})
    return refused(page, form, field, error, **_ways(account))


def _ways(account: Any) -> dict[str, Any]:
    """Return what the page offers: what the account has, and what this browser can do."""
    return {"factors": factors_of(account), "passkeys": passkeys_possible()}


def _to(view: str) -> BaseResponse:
    return see_other(url_for(f"{g.portal}.{view}"))
