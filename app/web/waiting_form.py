"""The questions of who waits for an earlier time: asked by the patient portal, and by the desk for a patient."""

from __future__ import annotations

from datetime import date, time

from wtforms import RadioField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.formats.dates import format_date, parse_date
from app.core.i18n import _l
from app.domain.waiting.asking import Asked
from app.web.forms import Form

WEEKDAYS = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)
TIMES = {"any": (time(0), time(23, 59)), "morning": (time(0), time(12)), "afternoon": (time(12), time(23, 59))}


class WaitingForm(Form):
    """Which doctor, days and times would do."""

    doctor = RadioField(
        _l("Doctor"),
        choices=[SelectChoice("same", _l("The same doctor")), SelectChoice("any", _l("Any doctor of the department"))],
        default="same",
    )
    weekdays = SelectMultipleField(
        _l("On which days"),
        coerce=int,
        choices=[SelectChoice(number, name) for number, name in enumerate(WEEKDAYS)],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    times = RadioField(
        _l("Time of day"),
        choices=[
            SelectChoice("any", _l("Any time")),
            SelectChoice("morning", _l("In the morning")),
            SelectChoice("afternoon", _l("In the afternoon")),
        ],
        default="any",
    )
    first_day = StringField(_l("From day"), validators=[DataRequired(_l("Enter a day."))])
    last_day = StringField(_l("Until day"), validators=[DataRequired(_l("Enter a day."))])

    def show(self, first: date, last: date) -> None:
        """Propose a stretch of days."""
        self.first_day.data, self.last_day.data = format_date(first), format_date(last)

    def asked(self, **more: object) -> Asked:
        """Return what is asked for; raises InvalidValue for a day that is none."""
        begin, end = TIMES[self.times.data or "any"]
        return Asked(
            weekdays=self.weekdays.data or (),
            from_time=begin,
            until_time=end,
            first_day=parse_date(self.first_day.data),
            last_day=parse_date(self.last_day.data),
            **more,  # type: ignore[arg-type]
        )


class NewVisitWaitingForm(WaitingForm):
    """Which doctor, days and times would do for a visit that is not booked yet, and why it is wanted."""

    reason = TextAreaField(
        _l("Reason for visit"),
        validators=[
            DataRequired(_l("Write why the patient comes.")),
            Length(max=500, message=_l("Write at most 500 characters.")),
        ],
    )
