"""The forms of the laboratory: ordering, collecting, entering results, importing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import parse_id
from app.domain.laboratory.catalogue import Offer
from app.domain.laboratory.entering import Entry
from app.domain.laboratory.models import LabPriority, SpecimenKind, ValueKind
from app.domain.laboratory.ordering import LONGEST_NOTE, Wish
from app.domain.laboratory.rules import Measure, Reading, read_value
from app.hospital.forms.emergency_access import VersionedForm
from app.hospital.lab_words import PRIORITY, SPECIMEN
from app.web.forms import Form

TOO_LONG = _l("This text is too long.")


class ChecklistField(SelectMultipleField):  # type: ignore[misc]
    """Several choices as checkboxes; what is sent beside them is for the operation to refuse."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class OrderForm(Form):
    """Which tests and panels, how soon, and what the laboratory should know."""

    panels = ChecklistField(_l("Panels"), choices=[], validate_choice=False)
    tests = ChecklistField(_l("Tests"), choices=[], validate_choice=False)
    priority = RadioField(
        _l("How soon"),
        choices=[SelectChoice(one.value, label) for one, label in PRIORITY.items()],
        default=LabPriority.ROUTINE.value,
        validators=[DataRequired(_l("Choose how soon it is needed."))],
    )
    clinical_note = TextAreaField(
        _l("What the laboratory should know"), validators=[Length(max=LONGEST_NOTE, message=TOO_LONG)]
    )
    despite_open = BooleanField(_l("Order again what is ordered already and not done yet"))

    def offer(self, offer: Offer) -> None:
        """Let what can be ordered now be chosen."""
        self.panels.choices = [SelectChoice(str(panel.id), panel.name) for panel in offer.panels]
        self.tests.choices = [
            SelectChoice(str(test.id), test.name) for _name, tests in offer.categories for test in tests
        ]

    def read(self, appointment_id: UUID | None) -> Wish:
        """Return what was chosen."""
        return Wish(
            test_ids=read_ids(self.tests.data),
            panel_ids=read_ids(self.panels.data),
            priority=LabPriority(self.priority.data),
            clinical_note=self.clinical_note.data,
            appointment_id=appointment_id,
            despite_open=bool(self.despite_open.data),
        )


class CollectForm(Form):
    """What was taken from the patient."""

    kinds = ChecklistField(_l("Collected"), choices=[], validate_choice=False)

    def offer(self, kinds: Sequence[SpecimenKind]) -> None:
        """Let what is waited for be chosen."""
        self.kinds.choices = [SelectChoice(kind.value, SPECIMEN[kind]) for kind in kinds]

    def read(self) -> list[SpecimenKind]:
        """Return what was chosen."""
        return [SpecimenKind(value) for value in self.kinds.data or () if value in set(SpecimenKind)]


class ResultsForm(VersionedForm):
    """Findings of a test; its values are fields that `results_form` adds, named by their analytes."""

    findings = TextAreaField(_l("Findings"))
    interpretation = TextAreaField(_l("Interpretation"))
    called_critical = BooleanField(_l("This is critical: somebody must act on it now"))
    correction_reason = TextAreaField(_l("Why the verified result is corrected"))

    def fields_of(self, measures: Sequence[Measure]) -> list[tuple[Measure, Any]]:
        """Return the fields of the values with what they measure."""
        return [(measure, self._fields[field_name(measure)]) for measure in measures]

    def read(self, measures: Sequence[Measure]) -> Entry | None:
        """Return what was entered, or None with an error at every field that is wrong."""
        values: dict[UUID, Reading] = {}
        for measure in measures:
            name = field_name(measure)
            typed = self._fields[name].data
            if not typed:
                continue
            try:
                values[measure.analyte_id] = read_value(measure, typed)
            except InvalidValue as error:
                self.add_error(name, InvalidValue(error.message, field=name))
        if self.errors:
            return None
        words = (self.findings.data, self.interpretation.data, self.correction_reason.data)
        return Entry(values, *words, called_critical=bool(self.called_critical.data))


class VerifyForm(VersionedForm):
    """Verifying what somebody else entered; with a tick where values are missing."""

    incomplete = BooleanField(_l("Verify it without what was not measured"))


def field_name(measure: Measure) -> str:
    """Return the name of an analyte's field."""
    return f"value_{measure.analyte_id.hex}"


def results_form(measures: Sequence[Measure]) -> type[ResultsForm]:
    """Return a form with a field for each analyte."""
    return type("TestResultsForm", (ResultsForm,), {field_name(measure): _field_of(measure) for measure in measures})


def _field_of(measure: Measure) -> Any:
    if measure.kind is ValueKind.CHOICE:
        choices = [SelectChoice("", _l("Not measured")), *(SelectChoice(one, one) for one in measure.choices)]
        return SelectField(measure.name, choices=choices, validate_choice=False)
    return TextAreaField(measure.name) if measure.kind is ValueKind.TEXT else StringField(measure.name)


class ImportForm(Form):
    """A table of results from an instrument."""

    file = FileField(_l("Table of results (CSV)"))

    def read(self) -> bytes | None:
        """Return the content of the file, or None with an error where none was chosen."""
        sent = self.file.data
        if not isinstance(sent, FileStorage) or not sent.filename:
            self.add_error("file", InvalidValue(_l("Choose a file.")))
            return None
        content: bytes = sent.read()
        return content


def read_ids(values: Sequence[str] | None) -> list[UUID]:
    """Return the ids among what was sent."""
    return [found for value in values or () if (found := parse_id(value)) is not None]
