"""What patients send about their own data."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from app.core.i18n import _l
from app.domain.privacy.models import ConsentDecision, RequestKind
from app.domain.privacy.requests import LONGEST_TEXT
from app.domain.privacy.words import KIND
from app.web.forms import Form


class ConsentForm(Form):
    """An answer to the version of a text that was read."""

    purpose = HiddenField(validators=[InputRequired(), Length(max=50)])
    decision = RadioField(choices=[SelectChoice(one.value, one.value) for one in ConsentDecision])
    number = IntegerField(validators=[InputRequired()])


class RequestForm(Form):
    """What a patient asks for."""

    kind = RadioField(
        _l("What do you want?"),
        choices=[SelectChoice(kind.value, label) for kind, label in KIND.items() if kind is not RequestKind.EXPORT],
        validators=[InputRequired(_l("Choose what you want."))],
    )
    wish = TextAreaField(
        _l("What is it about?"),
        validators=[Length(max=LONGEST_TEXT, message=_l("Use at most %(max)d characters."))],
    )
