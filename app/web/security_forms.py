"""The forms of alerts and of the rules that raise them; what is allowed is the rule of `tenancy.alerts`."""

from __future__ import annotations

from typing import Any

from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.i18n import _l
from app.core.risks import Risk
from app.tenancy.alerts.handling import LONGEST_NAME, LONGEST_RESOLUTION, RuleFacts
from app.tenancy.models import Grouping
from app.tenancy.security_kinds import KINDS
from app.web.forms import Form
from app.web.security_words import GROUPINGS, RISKS
from app.web.versions import read_version

LONGEST_MINUTES, MOST_EVENTS, A_YEAR = 10_080, 100_000, 525_600


def _between(least: int, most: int) -> NumberRange:
    return NumberRange(least, most, _l("Enter a number from %(least)s to %(most)s.", least=least, most=most))


class WholeNumberField(IntegerField):  # type: ignore[misc]
    """A whole number whose error says so in words; an empty one is None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number."""
        text = valuelist[0].strip() if valuelist else ""
        try:
            self.data = int(text) if text else None
        except ValueError:
            self.data = None
            raise ValueError(str(_l("Enter a whole number."))) from None


class ResolutionForm(Form):
    """What was found."""

    resolution = TextAreaField(
        _l("What you found and what was done"),
        validators=[
            DataRequired(_l("Say what you found and what was done.")),
            Length(max=LONGEST_RESOLUTION, message=_l("Use at most %(count)s characters.", count=LONGEST_RESOLUTION)),
        ],
    )


class RuleForm(Form):
    """So many events of these kinds within so many minutes."""

    name = StringField(
        _l("Name"),
        validators=[
            DataRequired(_l("Give the rule a name.")),
            Length(max=LONGEST_NAME, message=_l("Use at most %(count)s characters.", count=LONGEST_NAME)),
        ],
    )
    kinds = SelectMultipleField(
        _l("Events"), validators=[Optional()], option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )
    least_risk = SelectField(_l("Of at least this risk"))
    events = WholeNumberField(
        _l("How many of them"), validators=[InputRequired(_l("Enter a whole number.")), _between(1, MOST_EVENTS)]
    )
    minutes = WholeNumberField(
        _l("Within"), validators=[InputRequired(_l("Enter a whole number.")), _between(1, LONGEST_MINUTES)]
    )
    counted_by = SelectField(_l("Counted for"))
    severity = SelectField(_l("How grave the alert is"))
    escalate_minutes = WholeNumberField(
        _l("Escalate when nobody has taken it for"), validators=[Optional(), _between(1, A_YEAR)]
    )
    quiet_minutes = WholeNumberField(
        _l("End by itself when nothing has happened for"), validators=[Optional(), _between(1, A_YEAR)]
    )
    is_active = BooleanField(_l("This rule raises alerts"), default=True)
    version = HiddenField()

    def __init__(self, *args: Any, has_hospitals: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        risks = [SelectChoice(risk.value, str(RISKS[risk.value][0])) for risk in Risk]
        self.kinds.choices = [SelectChoice(code, str(title)) for code, (title, _risk) in KINDS.items()]
        self.least_risk.choices = self.severity.choices = risks
        self.counted_by.choices = [
            SelectChoice(one.value, str(GROUPINGS[one.value]))
            for one in Grouping
            if has_hospitals or one is not Grouping.HOSPITAL
        ]

    def facts(self) -> RuleFacts:
        """Return what was said."""
        return RuleFacts(
            name=self.name.data,
            kinds=tuple(self.kinds.data or ()),
            least_risk=Risk(self.least_risk.data),
            events=self.events.data or 0,
            minutes=self.minutes.data or 0,
            counted_by=Grouping(self.counted_by.data),
            severity=Risk(self.severity.data),
            escalate_minutes=self.escalate_minutes.data,
            quiet_minutes=self.quiet_minutes.data,
            is_active=self.is_active.data,
        )

    def seen_version(self) -> int | None:
        """Return the version that the page showed."""
        return read_version(self.version.data)
