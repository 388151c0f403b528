"""The page on which somebody who was invited chooses a password."""

from __future__ import annotations

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import public
from app.domain.identity.invitations import accept_invitation, find_invited
from app.domain.identity.passwords import LONGEST, STAFF_LENGTH
from app.hospital import hospital
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import limiter


class InvitationForm(Form):
    """A password of one's own."""

    password = PasswordField(
        _l("New password"),
        validators=[
            DataRequired(_l("Choose a password.")),
            Length(min=STAFF_LENGTH, message=_l("Use at least %(count)s characters.", count=STAFF_LENGTH)),
            Length(max=LONGEST, message=_l("Use at most %(count)s characters.", count=LONGEST)),
        ],
    )


@hospital.get("/invitation/<string:token>")
@public
@limiter.limit("30/minute")
def invitations_show(token: str) -> Response:
    """Ask for the password."""
    return _page(token, InvitationForm(formdata=None))


@hospital.post("/invitation/<string:token>")
@public
@limiter.limit("10/minute")
def invitations_accept(token: str) -> BaseResponse:
    """Take the password; from then on the person signs in with it."""
    form = InvitationForm()
    if not form.validate():
        return _page(token, form, 422)
    actor = current_actor()
    try:
        accept_invitation(token, form.password.data, address=actor.address, request_id=actor.request_id)
    except InvalidValue as error:
        form.add_error("password", error)
        return _page(token, form, 422)
    flash(_("Your password is set. Sign in with it now."), "success")
    return see_other(url_for("hospital.sign_in"))


def _page(token: str, form: InvitationForm, status: int = 200) -> Response:
    return render(
        "hospital/identity/invitation.html",
        form=form,
        person=find_invited(token),
        address=request.path,
        has_errors=status != 200,
        status=status,
    )
