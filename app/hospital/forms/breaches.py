"""The forms of the register of breaches."""

from __future__ import annotations

import re
from datetime import datetime, time

from flask_wtf.file import FileField
from wtforms import IntegerField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.errors import InvalidValue, Text
from app.core.formats.dates import format_date, parse_date
from app.core.i18n import _l
from app.domain.privacy.breaches import LONGEST_TEXT, LONGEST_TITLE, BreachFacts
from app.domain.privacy.models import Breach
from app.web.forms import Form
from app.web.templates import hospital_zone

TOO_LONG = _l("Use at most %(max)d characters.")
CLOCK = re.compile(r"^(.*?)[ ,]+(\d{1,2})[:hg](\d{2})$")
CATEGORY: dict[str, Text] = {
    "identity": _l("Who somebody is"),
    "contact": _l("How somebody is reached"),
    "health": _l("Health data"),
    "account": _l("Account and password"),
    "insurance": _l("Health insurance"),
    "other": _l("Other data"),
}


def read_moment(text: str) -> datetime:
    """Read `21/11/2026 14:30`, or a day alone, in the hospital's zone; raises InvalidValue."""
    found = CLOCK.match(text.strip())
    day, hour, minute = found.groups() if found else (text, "0", "0")
    try:
        at = time(int(hour), int(minute))
    except ValueError:
        raise InvalidValue(_l("Enter day and time, for example 21/11/2026 14:30.")) from None
    return datetime.combine(parse_date(day), at, tzinfo=hospital_zone())


class _Moments(Form):
    def moment(self, name: str, *, needed: bool = True) -> datetime | None:
        """Return the moment that a field says; None with an error at the field, or where nothing was given."""
        typed = self._fields[name].data or ""
        if not typed and not needed:
            return None
        try:
            return read_moment(typed)
        except InvalidValue as error:
            self.add_error(name, error)
            return None


class BreachForm(_Moments):
    """What is known of a breach."""

    title = StringField(
        _l("Title"),
        validators=[DataRequired(_l("Give the breach a short title.")), Length(max=LONGEST_TITLE, message=TOO_LONG)],
    )
    what = TextAreaField(
        _l("What has happened?"),
        validators=[DataRequired(_l("Say what has happened.")), Length(max=LONGEST_TEXT, message=TOO_LONG)],
    )
    discovered_at = StringField(_l("Discovered"), validators=[DataRequired(_l("Enter day and time."))])
    occurred_at = StringField(_l("Happened"))
    categories = SelectMultipleField(
        _l("Which kinds of data?"),
        choices=[SelectChoice(code, label) for code, label in CATEGORY.items()],
        validators=[InputRequired(_l("Choose which kinds of data are affected."))],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    consequences = TextAreaField(_l("Consequences"), validators=[Length(max=LONGEST_TEXT, message=TOO_LONG)])
    measures = TextAreaField(_l("What was done about it"), validators=[Length(max=LONGEST_TEXT, message=TOO_LONG)])
    version = IntegerField(default=1)

    def facts(self) -> BreachFacts | None:
        """Return what was typed, or None with errors at the fields."""
        discovered_at, occurred_at = self.moment("discovered_at"), self.moment("occurred_at", needed=False)
        if discovered_at is None or self.occurred_at.errors:
            return None
        return BreachFacts(
            self.title.data,
            self.what.data,
            tuple(self.categories.data),
            self.consequences.data or "",
            self.measures.data or "",
            discovered_at,
            occurred_at,
        )


def values_of(breach: Breach) -> dict[str, object]:
    """Return the form's values of a breach."""

    def said(moment: datetime | None) -> str:
        local = moment.astimezone(hospital_zone()) if moment else None
        return f"{format_date(local.date())} {local:%H:%M}" if local else ""

    return {
        "title": breach.title,
        "what": breach.what,
        "categories": breach.categories,
        "consequences": breach.consequences,
        "measures": breach.measures,
        "discovered_at": said(breach.discovered_at),
        "occurred_at": said(breach.occurred_at),
        "version": breach.version,
    }


class LogForm(_Moments):
    """Whose looks are counted, and in which period."""

    username = StringField(_l("Sign-in name of the member of staff"), validators=[Length(max=100)])
    address = StringField(_l("Network address"), validators=[Length(max=100)])
    since = StringField(_l("From"), validators=[DataRequired(_l("Enter day and time."))])
    until = StringField(_l("To"), validators=[DataRequired(_l("Enter day and time."))])


class CodesForm(Form):
    """Patients by their codes, typed or in a CSV file."""

    codes = TextAreaField(_l("Patient codes"), validators=[Length(max=200_000, message=TOO_LONG)])
    file = FileField(_l("Or a CSV file with patient codes"))


class NoteForm(Form):
    """A line of the history."""

    note = TextAreaField(
        _l("Note"),
        validators=[
            DataRequired(_l("Write the note; it must not be too long.")),
            Length(max=LONGEST_TEXT, message=TOO_LONG),
        ],
    )
