"""The forms of emergency access: asking for it, reviewing it, and the hospital's rules of it."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from app.core.i18n import _l
from app.domain.access.models import LONGEST_REASON, SHORTEST_REASON, Verdict
from app.domain.access.settings import RANGES
from app.hospital.forms.vitals import WHOLE
from app.web.forms import Form
from app.web.versions import read_version

VERDICT = {Verdict.JUSTIFIED: _l("Justified"), Verdict.NOT_JUSTIFIED: _l("Not justified")}
TOO_SHORT = _l("Write why, in %(least)s to %(most)s characters.", least=SHORTEST_REASON, most=LONGEST_REASON)


class EmergencyForm(Form):
    """Why somebody must see this patient now."""

    reason = TextAreaField(
        _l("Why must you see this patient now?"),
        validators=[DataRequired(TOO_SHORT), Length(min=SHORTEST_REASON, max=LONGEST_REASON, message=TOO_SHORT)],
    )


class VersionedForm(Form):
    """A form that says which version of the thing its page showed."""

    version = HiddenField()

    @property
    def version_number(self) -> int:
        """The version that the page showed; -1, which never exists, where somebody tampered with it."""
        seen = read_version(self.version.data)
        return -1 if seen is None else seen


class ReviewForm(VersionedForm):
    """What a reviewer found."""

    verdict = RadioField(
        _l("Your finding"),
        choices=[SelectChoice(verdict.value, label) for verdict, label in VERDICT.items()],
        validators=[DataRequired(_l("Choose what you found."))],
    )
    note = TextAreaField(_l("Note"), validators=[Length(max=LONGEST_REASON, message=_l("This text is too long."))])


def _number(label: str, name: str) -> IntegerField:
    least, most = RANGES[name]
    message = _l("Enter a number from %(least)s to %(most)s.", least=least, most=most)
    return IntegerField(label, validators=[InputRequired(WHOLE), NumberRange(min=least, max=most, message=message)])


class EmergencySettingsForm(VersionedForm):
    """The hospital's rules of emergency access."""

    minutes = _number(_l("How long one patient stays open"), "minutes")
    per_day = _number(_l("Patients whom one person may open within a day"), "per_day")
    review_days = _number(_l("Days within which it is reviewed"), "review_days")
