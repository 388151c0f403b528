"""The forms of retention."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from app.core.i18n import _l
from app.web.forms import Form
from app.web.versions import read_version


class MonthsForm(Form):
    """How long one kind is kept."""

    rule = HiddenField(validators=[InputRequired(), Length(max=50)])
    version = IntegerField(validators=[InputRequired()])
    months = IntegerField(_l("Months"), validators=[InputRequired(_l("Enter a number of months."))])


class PurgeForm(Form):
    """The decision on a purge; a confirmation repeats its number of rows."""

    purge = HiddenField()
    version = IntegerField(validators=[InputRequired()])
    verdict = RadioField(choices=[SelectChoice(one, one) for one in ("confirm", "dismiss")])
    rows = StringField(_l("Number of rows that will be deleted"))

    @property
    def count(self) -> int:
        """The number that was typed; -1 where it is none."""
        typed = (self.rows.data or "").replace(".", "").replace(" ", "")
        seen = read_version(typed)
        return -1 if seen is None else seen
