"""How patients say who they are: with a number that they carry with them or know by heart."""

from __future__ import annotations

from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from app.core.i18n import _l
from app.web.forms import Form


class PatientSignInForm(Form):
    """CCCD or telephone number, and a password."""

    username = StringField(
        _l("CCCD or phone number"),
        validators=[DataRequired(_l("Enter your CCCD or phone number.")), Length(max=100)],
    )
    password = PasswordField(_l("Password"), validators=[DataRequired(_l("Enter your password.")), Length(max=128)])
    next = HiddenField()
