"""The field in which somebody chooses a password; the rules are the domain's (it names what is wrong)."""

from __future__ import annotations

from typing import Any

from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

from app.core.i18n import _, _l
from app.domain.identity.passwords import LONGEST
from app.tenancy.policies import account_policy
from app.web.forms import Form

TOO_LONG = _l("Use at most %(count)s characters.", count=LONGEST)


class NewPasswordForm(Form):
    """A password that somebody chooses."""

    password = PasswordField(
        _l("New password"),
        validators=[DataRequired(_l("Choose a password.")), Length(max=LONGEST, message=TOO_LONG)],
        render_kw={"autocomplete": "new-password"},
    )


def password_hint(portal: str) -> Any:
    """Return what to say about a good password of a portal."""
    shortest = account_policy(portal).shortest_password
    return _("At least %(count)s characters. A few words in a row are easy to keep in mind.", count=shortest)
