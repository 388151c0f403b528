"""The forms of long work: what is exported, which file is imported, which column has what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_wtf.file import FileField
from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _, _l
from app.domain.patients.importing import COLUMNS
from app.web.forms import Form

CHOOSE = InputRequired(_l("Choose CSV or JSON Lines."))


class FormForm(Form):
    """In which form an export is written."""

    form = RadioField(
        _l("File"),
        choices=[SelectChoice("csv", _l("CSV for Excel")), SelectChoice("jsonl", _l("JSON Lines for programs"))],
        default="csv",
        validators=[CHOOSE],
    )


class _Period(Form):
    since = StringField(_l("From"), validators=[DataRequired(_l("Enter the first day."))])
    until = StringField(_l("Until"), validators=[DataRequired(_l("Enter the last day."))])

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last day, or None with an error at the field."""
        found = [self._day("since"), self._day("until")]
        return (found[0], found[1]) if found[0] and found[1] else None

    def _day(self, name: str) -> date | None:
        try:
            return parse_date(self._fields[name].data or "")
        except InvalidValue as error:
            self.add_error(name, error)
            return None


class PeriodForm(_Period):
    """A period of visits and the form in which they are written."""

    form = RadioField(
        _l("File"),
        choices=[SelectChoice("csv", _l("CSV for Excel")), SelectChoice("jsonl", _l("JSON Lines for programs"))],
        default="csv",
        validators=[CHOOSE],
    )


class RequeueForm(_Period):
    """A period of messages."""


class FileForm(Form):
    """A table of patients."""

    file = FileField(_l("CSV file with patients"))


class ColumnsForm(Form):
    """Which column of the file has which of a patient's data."""

    @classmethod
    def of(cls, header: Sequence[str], columns: dict[str, int]) -> ColumnsForm:
        """Return the form with a choice of the file's columns for each field."""
        form: ColumnsForm = type(
            "BoundColumnsForm", (cls,), {c.name: SelectField(c.title, default="") for c in COLUMNS}
        )(data={name: str(place) for name, place in columns.items()})
        named = [SelectChoice(str(n), _("%(n)s. %(name)s", n=n + 1, name=name)) for n, name in enumerate(header)]
        for column in COLUMNS:
            form[column.name].choices = [SelectChoice("", _("— not in the file —")), *named]
        return form

    @property
    def chosen(self) -> dict[str, int]:
        """The columns that were chosen, by field."""
        typed: dict[str, Any] = {column.name: self[column.name].data for column in COLUMNS}
        return {name: int(place) for name, place in typed.items() if place}
