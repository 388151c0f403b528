"""The page on which somebody who was invited, by a link or with a code on paper, chooses a password."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import public
from app.domain.identity.invitations import accept_invitation, find_invited
from app.domain.identity.letters import owner_of
from app.web.new_password_form import NewPasswordForm, password_hint
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import limiter


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
