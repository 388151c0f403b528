"""The one form of a consultation: every button of the page sends it whole, so that no text is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.core.i18n import _l
from app.domain.prescriptions.reviewing import LONGEST_REASON
from app.domain.records.rules import LABELS, LONGEST_TEXT, NOTE_FIELDS, Note
from app.hospital.forms.doses import DoseForm
from app.web.versions import read_version

_TOO_LONG = Length(max=LONGEST_TEXT, message=_l("This text is too long."))


class ConsultationForm(DoseForm):
    """The note, its version, what the page began with (`was_…`), what it shows (`seen`), both searches, a medicine."""

    complaint = TextAreaField(LABELS["complaint"], validators=[_TOO_LONG])
    history = TextAreaField(LABELS["history"], validators=[_TOO_LONG])
    examination = TextAreaField(LABELS["examination"], validators=[_TOO_LONG])
    assessment = TextAreaField(LABELS["assessment"], validators=[_TOO_LONG])
    plan = TextAreaField(LABELS["plan"], validators=[_TOO_LONG])
    version = HiddenField()
    seen = HiddenField()
    was_complaint = HiddenField()
    was_history = HiddenField()
    was_examination = HiddenField()
    was_assessment = HiddenField()
    was_plan = HiddenField()
    template = SelectField(_l("Template"), validate_choice=False, choices=[])
    diagnosis_q = StringField(_l("Find a diagnosis (ICD-10)"), validators=[Length(max=100)])
    override_reason = TextAreaField(
        _l("Why it is prescribed all the same"),
        validators=[Length(max=LONGEST_REASON, message=_l("This text is too long."))],
    )

    @property
    def note(self) -> Note:
        """The texts as they are typed."""
        return self._note("")

    @property
    def was(self) -> Note:
        """The texts that the page began with."""
        return self._note("was_")

    @property
    def version_number(self) -> int:
        """The version that the page showed."""
        return read_version(self.version.data) or 0

    def offer_templates(self, templates: Sequence[Any]) -> None:
        """Offer templates of notes, none chosen."""
        offered = [SelectChoice(str(each.id), each.name) for each in templates]
        self.template.choices = [SelectChoice("", _l("No template")), *offered]

    def _note(self, prefix: str) -> Note:
        return Note(**{name: self._fields[prefix + name].data or "" for name in NOTE_FIELDS})
