"""The page on which somebody who was invited, by a link or with a code on paper, chooses a password."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import public
from app.domain.identity.invitations import InvitationOver, accept_invitation, find_invited, read_code
from app.domain.identity.letters import owner_of
from app.web.forms import Form
from app.web.new_password_form import NewPasswordForm, password_hint
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import limiter


class CodeForm(Form):
    """The code of a sheet."""

    code = StringField(
        _l("Code on the sheet"),
        validators=[DataRequired(_l("Enter the code that stands on the sheet.")), Length(max=40)],
        render_kw={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"},
    )


def add_invitation_codes(blueprint: Blueprint) -> None:
    """Give a portal the page on which a code on paper is typed."""

    @blueprint.route("/invitation", methods=["GET", "POST"])
    @public
    @limiter.limit("10/minute", methods=["POST"])
    def invitations_new() -> BaseResponse:
        form = CodeForm()
        if form.validate_on_submit():
            code = read_code(form.code.data)
            try:
                find_invited(blueprint.name, code)
            except InvitationOver as error:
                form.code.errors = [error.message]
            else:
                return see_other(url_for(f"{blueprint.name}.invitations_show", token=code))
        return render("account/invitation_code.html", form=form, status=422 if form.errors else 200)


def add_invitations(blueprint: Blueprint) -> None:
    """Give a portal the page that an invitation leads to."""
    portal = blueprint.name

    @blueprint.get("/invitation/<string:token>")
    @public
    @limiter.limit("30/minute")
    def invitations_show(token: str) -> Response:
        return _page(token, NewPasswordForm(formdata=None))

    @blueprint.post("/invitation/<string:token>")
    @public
    @limiter.limit("10/minute")
    def invitations_accept(token: str) -> BaseResponse:
        form, actor = NewPasswordForm(), current_actor()
        if not form.validate():
            return _page(token, form, 422)
        try:
            accept_invitation(portal, token, form.password.data, address=actor.address, request_id=actor.request_id)
        except InvalidValue as error:
            form.add_error("password", error)
            return _page(token, form, 422)
        flash(_("Your password is set. Sign in with it now."), "success")
        return see_other(url_for(f"{portal}.sign_in"))

    def _page(token: str, form: NewPasswordForm, status: int = 200) -> Response:
        return render(
            "account/invitation.html",
            form=form,
            owner=owner_of(find_invited(portal, token)),
            address=request.path,
            hint=password_hint(portal),
            has_errors=status != 200,
            status=status,
        )
