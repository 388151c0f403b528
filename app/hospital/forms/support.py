"""The form with which a hospital lets the platform's support in."""

from __future__ import annotations

from wtforms import IntegerField, SelectMultipleField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, NumberRange

from app.core.i18n import _l
from app.domain.support.rules import GRANTABLE
from app.tenancy.models.support import MOST_HOURS
from app.web.forms import Form

_HOURS = _l("Choose between 1 and %(count)s hours.", count=MOST_HOURS)


class GrantForm(Form):
    """For how long, and what may be seen."""

    hours = IntegerField(_l("Hours"), validators=[InputRequired(_HOURS), NumberRange(1, MOST_HOURS, _HOURS)])
    permissions = SelectMultipleField(
        _l("What support may see"),
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
        validators=[DataRequired(_l("Choose what support may see."))],
    )

    def offer(self) -> GrantForm:
        """Offer what may be granted, in the reader's language."""
        self.permissions.choices = [SelectChoice(entry.code, str(entry.title)) for entry in GRANTABLE]
        return self
