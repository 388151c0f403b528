"""Having forgotten one's password: asking for a link, and choosing a new password with it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import public
from app.domain.identity.front_door_resets import request_everywhere
from app.domain.identity.resets import check_reset, request_reset, reset_password
from app.tenancy.binding import find_bound_hospital
from app.web.binding import at_front_door
from app.web.forms import Form
from app.web.new_password_form import NewPasswordForm, password_hint
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import account_key, limiter


class ForgottenForm(Form):
    """The name that somebody signs in with."""

    username = StringField(
        _l("Sign-in name"),
        validators=[DataRequired(_l("Enter your sign-in name.")), Length(max=100)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )


LABELS = {
    "admin": _l("Sign-in name or e-mail address"),
    "hospital": _l("Sign-in name or e-mail address"),
    "patient": _l("CCCD number or mobile number"),
}


def add_resets(blueprint: Blueprint) -> None:
    """Give a portal its pages for a forgotten password."""
    portal = blueprint.name

    @blueprint.route("/forgotten-password", methods=["GET", "POST"])
    @public
    @limiter.limit("5/15 minutes", methods=["POST"])
    @limiter.limit("3/15 minutes", key_func=account_key, methods=["POST"])
    def resets_new() -> BaseResponse:
        form = ForgottenForm()
        form.username.label.text = LABELS[portal]
        if form.validate_on_submit():
            try:
                _request(portal, form.username.data)
            except InvalidValue as error:
                form.add_error("username", error)
            else:
                return render("account/reset_asked.html")
        return render("account/forgotten.html", form=form, status=422 if form.errors else 200)

    if portal == "patient":
        at_front_door(resets_new)

    @blueprint.get("/reset/<string:token>")
    @public
    @limiter.limit("30/minute")
    def resets_show(token: str) -> Response:
        check_reset(portal, token)
        return _page(NewPasswordForm(formdata=None))

    @blueprint.post("/reset/<string:token>")
    @public
    @limiter.limit("10/minute")
    def resets_accept(token: str) -> BaseResponse:
        form, actor = NewPasswordForm(), current_actor()
        check_reset(portal, token)
        if not form.validate():
            return _page(form, 422)
        try:
            reset_password(portal, token, form.password.data, address=actor.address, request_id=actor.request_id)
        except InvalidValue as error:
            form.add_error("password", error)
            return _page(form, 422)
        flash(_("Your new password is set. Sign in with it now."), "success")
        return see_other(url_for(f"{portal}.sign_in"))


def _request(portal: str, typed: str) -> None:
    if portal == "patient" and find_bound_hospital() is None:
        request_everywhere(typed)
    else:
        request_reset(current_actor(), portal, typed)


def _page(form: NewPasswordForm, status: int = 200) -> Response:
    return render(
        "account/reset.html", form=form, hint=password_hint(g.portal), has_errors=status != 200, status=status
    )
