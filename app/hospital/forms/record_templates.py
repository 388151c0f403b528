"""The forms of a note's template, and of a file with titles of the ICD-10."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask_wtf.file import FileField
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.core.i18n import _l
from app.core.ids import parse_id
from app.domain.records.rules import LABELS, LONGEST_TEXT, NOTE_FIELDS, Note
from app.domain.records.templates import LONGEST_NAME, TemplateValues
from app.web.forms import Form
from app.web.versions import read_version

_TOO_LONG = Length(max=LONGEST_TEXT, message=_l("This text is too long."))


class TemplateForm(Form):
    """A template's name, speciality and texts, with the version that the page began with and how it stood then."""

    name = StringField(
        _l("Name"), validators=[Length(min=1, max=LONGEST_NAME, message=_l("Write a name of at most 120 characters."))]
    )
    department = SelectField(_l("Speciality"), validate_choice=False)
    complaint = TextAreaField(LABELS["complaint"], validators=[_TOO_LONG])
    history = TextAreaField(LABELS["history"], validators=[_TOO_LONG])
    examination = TextAreaField(LABELS["examination"], validators=[_TOO_LONG])
    assessment = TextAreaField(LABELS["assessment"], validators=[_TOO_LONG])
    plan = TextAreaField(LABELS["plan"], validators=[_TOO_LONG])
    version = HiddenField()
    was = HiddenField()

    def offer(self, departments: Sequence[tuple[UUID, str]]) -> None:
        """Offer the hospital's departments, and none of them for what everybody uses."""
        own = [SelectChoice(str(department_id), name) for department_id, name in departments]
        self.department.choices = [SelectChoice("", _l("Every speciality")), *own]

    @property
    def version_number(self) -> int:
        """The version that the page showed."""
        return read_version(self.version.data) or 0

    @property
    def values(self) -> TemplateValues:
        """What was typed."""
        note = Note(**{name: self._fields[name].data or "" for name in NOTE_FIELDS})
        return TemplateValues(self.name.data or "", parse_id(self.department.data or ""), note)


class TitlesForm(Form):
    """A file with codes and titles."""

    file = FileField(_l("CSV file"))
