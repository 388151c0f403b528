"""The forms with which the desk books a visit."""

from __future__ import annotations

from wtforms import RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from app.core.i18n import _l
from app.web.forms import Form


class BookingForm(Form):
    """The last step: a free time (`doctor id|moment`), and why the patient comes."""

    slot = RadioField(
        _l("Free times"), validate_choice=False, choices=[], validators=[InputRequired(_l("Choose a time."))]
    )
    reason = TextAreaField(
        _l("Reason for visit"),
        validators=[
            DataRequired(_l("Write why the patient comes.")),
            Length(max=500, message=_l("Write at most 500 characters.")),
        ],
    )
