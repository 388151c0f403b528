"""The form with which operators ask a hospital to be let in."""

from __future__ import annotations

from wtforms import IntegerField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from app.core.i18n import _l
from app.tenancy.models.support import MOST_HOURS
from app.tenancy.support import LONGEST_REASON
from app.web.forms import Form

_HOURS = _l("Choose between 1 and %(count)s hours.", count=MOST_HOURS)


class AskForm(Form):
    """Why, and for how long."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Say why.")),
            Length(max=LONGEST_REASON, message=_l("Use at most %(count)s characters.", count=LONGEST_REASON)),
        ],
    )
    hours = IntegerField(_l("Hours"), default=4, validators=[InputRequired(_HOURS), NumberRange(1, MOST_HOURS, _HOURS)])
