"""One's own second factor, on the account page: the authenticator app, passkeys, recovery codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue, NotSignedIn
from app.core.i18n import _, _l
from app.core.permissions import signed_in_only
from app.domain.identity.browsers import end_sessions
from app.domain.identity.owners import label_of
from app.domain.identity.passkeys import LONGEST_NAME, get_passkey, list_passkeys
from app.domain.identity.second_factor import (
    add_passkey,
    factors_of,
    remove_app,
    remove_passkey,
    rename_passkey,
    renew_recovery_codes,
    set_up_app,
)
from app.tenancy.policies import account_policy
from app.web.account import ALL, declare_account_section, own_principal
from app.web.authenticator_app import setting_up
from app.web.confirming import asks_again
from app.web.forms import Form
from app.web.half_signed_in import keep_codes, offered_secret, take_codes, withdraw_offer
from app.web.passkeys import ADD, CONFIRM, answered, ask, passkey_name, passkeys_possible
from app.web.principals import Principal, current_actor, renew_session
from app.web.render import render, see_other
from app.web.second_factor import CodeForm
from app.web.security import limiter
from app.web.sign_in import Portal, refused, safe_target

APP_PAGE, PASSKEY_PAGE, NAME_PAGE = "account/app.html", "account/passkey_new.html", "account/passkey.html"

_portals: dict[str, Portal] = {}


class NameForm(Form):
    """The name of a passkey."""

    name = StringField(
        _l("Name of the passkey"),
        validators=[DataRequired(_l("Enter a name by which you recognise it.")), Length(max=LONGEST_NAME)],
    )


def add_own_second_factor(blueprint: Blueprint, portal: Portal) -> None:
    """Give a portal the pages of one's own second factor."""
    _portals[blueprint.name] = portal
    _add_app(blueprint)
    _add_passkeys(blueprint)
    _add_recovery_codes(blueprint)


def own_account(principal: Principal | None = None) -> Any:
    """Return the account of who is signed in; raises NotSignedIn."""
    principal = principal or own_principal()
    account = _portals[principal.portal].find_account(principal.id)
    if account is None:
        raise NotSignedIn
    return account


def _section(principal: Principal) -> Mapping[str, Any]:
    account = own_account(principal)
    return {
        "factors": factors_of(account),
        "passkeys": list_passkeys(account),
        "passkeys_possible": passkeys_possible(),
        "required": account_policy(principal.portal).second_factor_required,
    }


declare_account_section(ALL, "account/second_factor_section.html", 20, _section)


def _add_app(blueprint: Blueprint) -> None:
    @blueprint.route("/account/app", methods=["GET", "POST"])
    @signed_in_only
    @asks_again
    @limiter.limit("30/minute", methods=["POST"])
    def account_app() -> BaseResponse:
        """Set up or replace one's own authenticator app."""
        account, form = own_account(), CodeForm()
        if form.validate_on_submit():
            try:
                codes = set_up_app(current_actor(), account, offered_secret(account), form.code.data)
            except InvalidValue as error:
                return refused(APP_PAGE, form, "code", error, factors=factors_of(account), **setting_up(account))
            withdraw_offer()
            return _changed(account, codes, _("The authenticator app is set up."))
        shown = {"factors": factors_of(account), **setting_up(account)}
        return render(APP_PAGE, form=form, status=422 if form.errors else 200, **shown)

    @blueprint.post("/account/app/remove")
    @signed_in_only
    @asks_again
    def account_app_remove() -> BaseResponse:
        """Take one's own authenticator app away."""
        account = own_account()
        remove_app(current_actor(), account)
        return _changed(account, [], _("The authenticator app is removed."))


def _add_passkeys(blueprint: Blueprint) -> None:
    @blueprint.get("/account/passkeys/new")
    @signed_in_only
    @asks_again
    def account_passkeys_new() -> BaseResponse:
        """Ask for a new passkey."""
        return render(PASSKEY_PAGE, form=Form(formdata=None), possible=passkeys_possible())

    @blueprint.post("/account/passkeys")
    @signed_in_only
    @asks_again
    @limiter.limit("30/minute")
    def account_passkeys_create() -> BaseResponse:
        """Keep a new passkey."""
        account = own_account()
        try:
            codes = add_passkey(current_actor(), account, answered(ADD), passkey_name())
        except InvalidValue as error:
            return refused(PASSKEY_PAGE, Form(formdata=None), None, error, possible=passkeys_possible())
        return _changed(account, codes, _("The passkey is added."))

    @blueprint.post("/account/challenge")
    @signed_in_only
    @limiter.limit("30/minute")
    def account_challenge() -> dict[str, Any]:
        """Say what the browser is to ask its authenticator, for a new passkey or as a proof."""
        account = own_account()
        if request.form.get("purpose") == CONFIRM:
            return ask(CONFIRM, account)
        return ask(ADD, account, label=label_of(account))

    @blueprint.route("/account/passkeys/<uuid:passkey_id>", methods=["GET", "POST"])
    @signed_in_only
    @asks_again
    def account_passkeys_edit(passkey_id: UUID) -> BaseResponse:
        """Show one of one's own passkeys, and give it another name."""
        account = own_account()
        passkey = get_passkey(account, passkey_id)
        form = NameForm(name=passkey.name)
        if form.validate_on_submit():
            rename_passkey(current_actor(), account, passkey_id, form.name.data)
            flash(_("The passkey has its new name."), "success")
            return _to_account()
        return render(NAME_PAGE, form=form, passkey=passkey, status=422 if form.errors else 200)

    @blueprint.post("/account/passkeys/<uuid:passkey_id>/remove")
    @signed_in_only
    @asks_again
    def account_passkeys_remove(passkey_id: UUID) -> BaseResponse:
        """Remove one of one's own passkeys."""
        account = own_account()
        remove_passkey(current_actor(), account, passkey_id)
        return _changed(account, [], _("The passkey is removed."))


def _add_recovery_codes(blueprint: Blueprint) -> None:
    @blueprint.post("/account/recovery-codes/renew")
    @signed_in_only
    @asks_again
    def account_recovery_codes_renew() -> BaseResponse:
        """Make new recovery codes; the old ones end."""
        account = own_account()
        keep_codes(account, renew_recovery_codes(current_actor(), account))
        return see_other(url_for(f"{g.portal}.account_recovery_codes"))

    @blueprint.get("/account/recovery-codes")
    @signed_in_only
    def account_recovery_codes() -> BaseResponse:
        """Show recovery codes, once after they were made."""
        principal = own_principal()
        return render(
            "account/recovery_codes.html",
            codes=take_codes(principal.id),
            goes_on=safe_target(request.args.get("next")) or url_for(f"{g.portal}.account"),
        )


def _changed(account: Any, codes: list[str], said: str) -> BaseResponse:
    """End the sessions elsewhere, give this one a new token, and show new recovery codes where there are any."""
    principal = own_principal()
    end_sessions(current_actor(), account, "factor_changed", but=principal.signed_in.session_id)
    renew_session(principal)
    flash(said, "success")
    if codes:
        keep_codes(account, codes)
        return see_other(url_for(f"{g.portal}.account_recovery_codes"))
    return _to_account()


def _to_account() -> BaseResponse:
    return see_other(url_for(f"{g.portal}.account"))
