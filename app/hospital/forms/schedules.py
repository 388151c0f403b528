"""The forms with which doctors' hours and absences are planned, and the hospital's opening hours and holidays set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from wtforms import HiddenField, IntegerField, SelectField, SelectMultipleField, StringField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _, _l
from app.hospital.forms.staff import WEEKDAYS
from app.web.forms import Form
from app.web.templates import hospital_zone

ASK_TIME = _l("Enter a time such as 07:30.")
ASK_DAY = _l("Enter a day such as 15/03/2026.")


def read_time(text: str | None, field: str) -> time:
    """Return a time of the day that was typed as hours and minutes; raises InvalidValue."""
    try:
        return datetime.strptime((text or "").strip(), "%H:%M").time()  # noqa: DTZ007
    except ValueError:
        raise InvalidValue(ASK_TIME, field=field) from None


def read_date(text: str | None, field: str) -> date | None:
    """Return a day that was typed, or None where none was; raises InvalidValue at its field."""
    if not text:
        return None
    try:
        return parse_date(text)
    except InvalidValue as error:
        raise InvalidValue(error.message, field=field) from None


class WeekdaysForm(Form):
    """Days of the week, as checkboxes."""

    weekdays = SelectMultipleField(
        _l("Weekdays"),
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
        coerce=int,
        validators=[DataRequired(_l("Choose weekdays from Monday to Sunday."))],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weekdays.choices = [SelectChoice(number, str(day)) for number, day in enumerate(WEEKDAYS)]


class HoursForm(WeekdaysForm):
    """Hours in which a doctor sees patients."""

    department = SelectField(_l("Department"), validators=[DataRequired(_l("Choose a department of the hospital."))])
    room = SelectField(_l("Room"), default="", validators=[Optional()])
    starts = StringField(_l("From"), validators=[DataRequired(ASK_TIME)])
    ends = StringField(_l("To"), validators=[DataRequired(ASK_TIME)])
    slot_minutes = IntegerField(
        _l("Minutes for one visit"),
        default=30,
        validators=[NumberRange(5, 240, _l("Choose between 5 and 240 minutes."))],
    )
    capacity = IntegerField(
        _l("Patients at one time"), default=1, validators=[NumberRange(1, 10, _l("Choose between 1 and 10."))]
    )
    overbook_max = IntegerField(
        _l("How many the desk may squeeze in"), default=0, validators=[NumberRange(0, 5, _l("Choose between 0 and 5."))]
    )
    valid_from = StringField(_l("First day"), validators=[Optional()])
    valid_until = StringField(_l("Last day"), validators=[Optional()])

    def offer(self, departments: list[tuple[str, str]], rooms: Sequence[Any]) -> HoursForm:
        """Offer the departments (code and name) and the rooms."""
        self.department.choices = [SelectChoice(code, name) for code, name in departments]
        self.room.choices = [SelectChoice("", _("None")), *(SelectChoice(str(row.id), row.name) for row in rooms)]
        return self


class AbsenceForm(Form):
    """When a doctor is not there: whole days, or from one time to another."""

    first = StringField(_l("From day"), validators=[DataRequired(ASK_DAY)])
    last = StringField(_l("To day"), validators=[Optional()])
    begins = StringField(_l("From time"), validators=[Optional()])
    until = StringField(_l("To time"), validators=[Optional()])
    why = StringField(_l("Reason"), validators=[Length(max=200, message=_l("Write at most 200 characters."))])

    def times(self) -> tuple[datetime, datetime]:
        """Return when the absence begins and ends; without times it is whole days. Raises InvalidValue."""
        first = read_date(self.first.data, "first")
        if first is None:
            raise InvalidValue(ASK_DAY, field="first")
        last = read_date(self.last.data, "last") or first
        begins = read_time(self.begins.data, "begins") if self.begins.data else time.min
        zone = hospital_zone()
        starts_at = datetime.combine(first, begins, tzinfo=zone)
        if self.until.data:
            return starts_at, datetime.combine(last, read_time(self.until.data, "until"), tzinfo=zone)
        return starts_at, datetime.combine(date.fromordinal(last.toordinal() + 1), time.min, tzinfo=zone)


class OpeningForm(WeekdaysForm):
    """On which days and from when until when the hospital is open."""

    opens = StringField(_l("Opens at"), validators=[DataRequired(ASK_TIME)])
    closes = StringField(_l("Closes at"), validators=[DataRequired(ASK_TIME)])
    version = HiddenField()


class HolidayForm(Form):
    """A day or a stretch of days on which nothing is booked."""

    name = StringField(_l("Holiday"), validators=[DataRequired(_l("Enter a name, such as Tết Nguyên đán."))])
    first = StringField(_l("First day"), validators=[DataRequired(ASK_DAY)])
    last = StringField(_l("Last day"), validators=[Optional()])
