"""The hospital's rules of reminders, and the forms of the waiting list's and unreached patients' pages."""

from __future__ import annotations

from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, Optional, Regexp

from app.core.i18n import _l
from app.domain.messages.reminder_settings import ReminderSettings
from app.web.forms import Form
from app.web.versions import read_version

TIME = Regexp(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", message=_l("Enter a time such as 07:30."))
UNITS = {"days": 1440, "hours": 60, "minutes": 1}


class RuleForm(Form):
    """A further reminder: so many days, hours or minutes before the visit."""

    count = IntegerField(
        _l("How long before the visit"),
        validators=[InputRequired(_l("Enter a number.")), NumberRange(1, 1440, message=_l("Enter a number."))],
    )
    unit = SelectField(
        _l("Unit"),
        choices=[
            SelectChoice("days", _l("days")),
            SelectChoice("hours", _l("hours")),
            SelectChoice("minutes", _l("minutes")),
        ],
    )

    @property
    def minutes(self) -> int:
        return (self.count.data or 0) * UNITS[self.unit.data]


class ReminderSettingsForm(Form):
    """Quiet hours and how offers of the waiting list are made."""

    quiet_from = StringField(_l("Quiet from"), validators=[Optional(), TIME])
    quiet_until = StringField(_l("Quiet until"), validators=[Optional(), TIME])
    offer_minutes = IntegerField(_l("How long an offer is held"), validators=[InputRequired(_l("Enter a number."))])
    offer_ahead_minutes = IntegerField(
        _l("How long before its time a free place is still offered"),
        validators=[InputRequired(_l("Enter a number."))],
    )
    version = StringField()

    @property
    def version_number(self) -> int:
        seen = read_version(self.version.data)
        return -1 if seen is None else seen

    @property
    def settings(self) -> ReminderSettings:
        return ReminderSettings(
            self.quiet_from.data or "",
            self.quiet_until.data or "",
            self.offer_minutes.data or 0,
            self.offer_ahead_minutes.data or 0,
        )
