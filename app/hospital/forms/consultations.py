"""The one form of a consultation: every button of the page sends it whole, so that no text is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber
from app.core.i18n import _l
from app.core.ids import parse_id
from app.domain.prescriptions.doses import Dose, parse_amount, parse_count
from app.domain.prescriptions.models import MealTiming
from app.domain.prescriptions.operations import LONGEST_INSTRUCTIONS
from app.domain.prescriptions.reviewing import LONGEST_REASON
from app.domain.records.rules import LABELS, LONGEST_TEXT, NOTE_FIELDS, Note
from app.hospital.wording import MEAL_TIMING
from app.web.forms import Form

_TOO_LONG = Length(max=LONGEST_TEXT, message=_l("This text is too long."))


class ConsultationForm(Form):
    """The note, its version, what the page began with (`was_…`), what it shows (`seen`), and both searches."""

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
    medicine_q = StringField(_l("Find a medicine"), validators=[Length(max=100)])
    medicine_id = RadioField(_l("Medicine"), validate_choice=False, choices=[])
    dose_amount = StringField(_l("Dose"))
    times_per_day = StringField(_l("Times a day"))
    days = StringField(_l("Days"))
    meal_timing = SelectField(
        _l("Timing"),
        choices=[SelectChoice(timing.value, label) for timing, label in MEAL_TIMING.items()],
        validate_choice=False,
    )
    instructions = StringField(
        _l("Instructions"),
        validators=[Length(max=LONGEST_INSTRUCTIONS, message=_l("This text is too long."))],
    )
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
        return int(self.version.data) if (self.version.data or "").isdecimal() else 0

    @property
    def has_item(self) -> bool:
        """Whether a medicine is being written: chosen, or with a dose."""
        return bool(self.medicine_id.data or self.dose_amount.data)

    def read_item(self) -> tuple[UUID, Dose, MealTiming] | None:
        """Return medicine, dose and timing, or None with an error at every field that is wrong."""
        medicine_id = parse_id(self.medicine_id.data or "")
        if medicine_id is None:
            self.add_error("medicine_q", InvalidValue(_l("Choose a medicine from the list.")))
        dose = self._read_dose()
        timing = self.meal_timing.data if self.meal_timing.data in set(MealTiming) else MealTiming.ANY
        return (medicine_id, dose, MealTiming(timing)) if medicine_id and dose else None

    def forget_item(self) -> None:
        """Empty the fields of the medicine that was just added."""
        for name in ("medicine_q", "medicine_id", "dose_amount", "times_per_day", "days", "instructions"):
            self._fields[name].data = ""
        self.meal_timing.data = MealTiming.ANY.value

    def _read_dose(self) -> Dose | None:
        amount = self._read("dose_amount", parse_amount)
        times = self._read("times_per_day", lambda typed: parse_count(typed, "times_per_day"))
        days = self._read("days", lambda typed: parse_count(typed, "days"))
        if amount is None or times is None or days is None:
            return None
        try:
            return Dose(amount, times, days)
        except InvalidValue as error:
            self.add_error("dose_amount", error)
            return None

    def _read(self, name: str, parse: Any) -> Any:
        try:
            return parse(self._fields[name].data or "")
        except AmbiguousNumber as error:
            self._fields[name].errors = [error.message]  # asked back at the dose itself, never guessed
        except InvalidValue as error:
            self.add_error(name, error)
        return None

    def offer_templates(self, templates: Sequence[Any]) -> None:
        """Offer templates of notes, none chosen."""
        offered = [SelectChoice(str(each.id), each.name) for each in templates]
        self.template.choices = [SelectChoice("", _l("No template")), *offered]

    def _note(self, prefix: str) -> Note:
        return Note(**{name: self._fields[prefix + name].data or "" for name in NOTE_FIELDS})
