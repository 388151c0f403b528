"""The forms of legal holds and erasures."""

from __future__ import annotations

from datetime import date
from typing import Literal

from wtforms import HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _l
from app.domain.privacy.erasing import LONGEST_REASON
from app.domain.privacy.words import ERASURE_KIND
from app.web.forms import Form

_REASON = [
    DataRequired(_l("Write the reason in a few sentences.")),
    Length(max=LONGEST_REASON, message=_l("Use at most %(max)d characters.")),
]


class HoldForm(Form):
    """Why nothing may be erased, and when that is looked at again."""

    hold_reason = TextAreaField(_l("Reason of the hold"), validators=_REASON)
    review_on = StringField(_l("Look at it again on"))

    def read_day(self) -> date | Literal[False] | None:
        """Return the day, None where none was given, or False with an error at the field."""
        if not self.review_on.data:
            return None
        try:
            return parse_date(self.review_on.data)
        except InvalidValue as error:
            self.add_error("review_on", error)
            return False


class ReleaseForm(Form):
    """Why a hold is lifted."""

    hold_id = HiddenField()
    release_reason = StringField(_l("Why is the hold lifted?"), validators=_REASON)


class ErasureForm(Form):
    """What is to be done to a patient's data, and why."""

    kind = RadioField(
        _l("What is to be done?"),
        choices=[SelectChoice(kind.value, label) for kind, label in ERASURE_KIND.items()],
        validators=[InputRequired(_l("Choose what is to be done."))],
    )
    reason = TextAreaField(_l("Reason"), validators=_REASON)


class VerdictForm(Form):
    """The second person's word."""

    erasure_id = HiddenField()
    version = IntegerField(validators=[InputRequired()])
    verdict = RadioField(choices=[SelectChoice(one, one) for one in ("approve", "refuse")])
