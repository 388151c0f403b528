"""The forms of a problem: what it is, since when, how it stands."""

from __future__ import annotations

from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.records.conditions import LONGEST_NOTE, LONGEST_TITLE, ConditionFacts, parse_onset
from app.domain.records.models import ConditionStatus
from app.hospital.wording import CONDITION_STATUS
from app.web.forms import Form
from app.web.versions import read_version


class FactsForm(Form):
    """How a problem stands."""

    status = RadioField(
        _l("State"),
        choices=[SelectChoice(status.value, label) for status, label in CONDITION_STATUS.items()],
        default=ConditionStatus.ACTIVE.value,
        validate_choice=False,
    )
    onset = StringField(_l("Since"))
    note = TextAreaField(_l("Note"), validators=[Length(max=LONGEST_NOTE, message=_l("This text is too long."))])
    version = HiddenField()

    @property
    def version_number(self) -> int:
        """The version that the page showed."""
        return read_version(self.version.data) or 0

    def read(self) -> ConditionFacts | None:
        """Return what was typed, or None with an error at the field that is wrong."""
        try:
            onset = parse_onset(self.onset.data or "")
        except InvalidValue as error:
            self.add_error("onset", error)
            return None
        status = self.status.data if self.status.data in set(ConditionStatus) else ConditionStatus.ACTIVE
        return ConditionFacts(ConditionStatus(status), onset, (self.note.data or "").strip() or None)


class ConditionForm(FactsForm):
    """A problem that is new on the list: a diagnosis, or words."""

    diagnosis_q = StringField(_l("Find a diagnosis (ICD-10)"), validators=[Length(max=100)])
    title = StringField(
        _l("Or the problem in words"),
        validators=[Length(max=LONGEST_TITLE, message=_l("This text is too long."))],
    )
