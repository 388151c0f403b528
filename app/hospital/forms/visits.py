"""The forms with which the desk books visits: one, a series, for who walks in, and in an emergency."""

from __future__ import annotations

from wtforms import IntegerField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from app.core.i18n import _, _l
from app.domain.appointments.series import MOST_VISITS, MOST_WEEKS
from app.hospital.times import read_slot
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

    def validate_slot(self, field: RadioField) -> None:
        """Refuse what names no doctor or no time."""
        if read_slot(field.data) is None:
            raise ValidationError(_("Choose a time."))


class SeriesForm(BookingForm):
    """The first time of a series, how many visits, how far apart, and what to do about those that do not fit."""

    count = IntegerField(
        _l("How many visits"),
        default=4,
        validators=[
            InputRequired(_l("Enter a number.")),
            NumberRange(2, MOST_VISITS, message=_l("A series has 2 to %(most)s visits.", most=MOST_VISITS)),
        ],
    )
    every_weeks = IntegerField(
        _l("Every how many weeks"),
        default=1,
        validators=[
            InputRequired(_l("Enter a number.")),
            NumberRange(1, MOST_WEEKS, message=_l("Choose 1 to %(most)s weeks.", most=MOST_WEEKS)),
        ],
    )
    fitting = RadioField(
        _l("Where a time is not free"),
        default="all",
        choices=[
            SelectChoice("all", _l("Book nothing, and say which times are not free")),
            SelectChoice("fitting", _l("Book the visits that fit, and say which do not")),
        ],
    )


class EmergencyForm(Form):
    """Where and by whom somebody is seen at once."""

    department = SelectField(_l("Department"), validators=[DataRequired(_l("Choose a department."))])
    doctor = SelectField(_l("Doctor"), validators=[DataRequired(_l("Choose a doctor."))])
    reason = TextAreaField(
        _l("Reason for visit"),
        validators=[
            DataRequired(_l("Write why the patient comes.")),
            Length(max=500, message=_l("Write at most 500 characters.")),
        ],
    )
