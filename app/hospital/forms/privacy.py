"""The forms of data protection: consents on paper, requests, and the texts that patients read."""

from __future__ import annotations

from datetime import datetime

from wtforms import BooleanField, HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _l
from app.domain.privacy.consents import LONGEST_BODY, LONGEST_TITLE
from app.domain.privacy.models import ConsentDecision, RequestKind
from app.domain.privacy.requests import LONGEST_TEXT
from app.domain.privacy.words import DECISION, KIND
from app.web.forms import Form
from app.web.templates import hospital_zone

TOO_LONG = _l("Use at most %(max)d characters.")


class PaperConsentForm(Form):
    """An answer that a patient has signed on paper."""

    purpose = RadioField(_l("Purpose"), choices=[], validators=[InputRequired(_l("Choose the purpose."))])
    decision = RadioField(
        _l("Answer"),
        choices=[SelectChoice(one.value, label) for one, label in DECISION.items()],
        validators=[InputRequired(_l("Choose what the patient answered."))],
    )
    signed_on = StringField(_l("Date on the paper"), validators=[DataRequired(_l("Enter the date on the paper."))])
    numbers = HiddenField()

    @property
    def answer(self) -> ConsentDecision:
        """What the patient answered."""
        return ConsentDecision(self.decision.data)

    def read_day(self) -> datetime | None:
        """Return the day on the paper, or None with an error at the field."""
        try:
            day = parse_date(self.signed_on.data or "")
        except InvalidValue as error:
            self.add_error("signed_on", error)
            return None
        signed = datetime(day.year, day.month, day.day, tzinfo=hospital_zone())
        if signed > datetime.now(hospital_zone()):
            self.add_error("signed_on", InvalidValue(_l("This day is still to come.")))
            return None
        return signed


class DeskRequestForm(Form):
    """What a patient asks for at the desk or by letter."""

    kind = RadioField(
        _l("What does the patient want?"),
        choices=[SelectChoice(kind.value, label) for kind, label in KIND.items()],
        validators=[InputRequired(_l("Choose what the patient wants."))],
    )
    wish = TextAreaField(_l("In the patient's words"), validators=[Length(max=LONGEST_TEXT, message=TOO_LONG)])

    @property
    def wanted(self) -> RequestKind:
        """What the patient wants."""
        return RequestKind(self.kind.data)


class DeadlinesForm(Form):
    """How many days each kind of request may take."""

    access = IntegerField(KIND[RequestKind.ACCESS], validators=[InputRequired(_l("Enter a number of days."))])
    export = IntegerField(KIND[RequestKind.EXPORT], validators=[InputRequired(_l("Enter a number of days."))])
    rectification = IntegerField(
        KIND[RequestKind.RECTIFICATION], validators=[InputRequired(_l("Enter a number of days."))]
    )
    restriction = IntegerField(KIND[RequestKind.RESTRICTION], validators=[InputRequired(_l("Enter a number of days."))])
    objection = IntegerField(KIND[RequestKind.OBJECTION], validators=[InputRequired(_l("Enter a number of days."))])
    erasure = IntegerField(KIND[RequestKind.ERASURE], validators=[InputRequired(_l("Enter a number of days."))])

    @property
    def days(self) -> dict[RequestKind, int]:
        """What was typed, by kind."""
        return {kind: int(self._fields[kind.value].data) for kind in RequestKind}


class AnswerForm(Form):
    """The answer that a patient reads."""

    answer = TextAreaField(
        _l("Answer to the patient"),
        validators=[
            DataRequired(_l("Write in a few sentences what the patient is to know.")),
            Length(max=LONGEST_TEXT, message=TOO_LONG),
        ],
    )
    refused = BooleanField(_l("The request is refused; the answer gives the reason"))
    version = IntegerField(validators=[InputRequired()])


class ExtensionForm(Form):
    """Why more time is needed."""

    extension_reason = TextAreaField(
        _l("Why is more time needed?"),
        validators=[
            DataRequired(_l("Write in a few sentences what the patient is to know.")),
            Length(max=LONGEST_TEXT, message=TOO_LONG),
        ],
    )
    version = IntegerField(validators=[InputRequired()])


class VersionForm(Form):
    """An act on what was read in a version."""

    version = IntegerField(validators=[InputRequired()])


class ConsentTextForm(Form):
    """A new version of a text."""

    purpose = HiddenField(validators=[InputRequired(), Length(max=50)])
    number = IntegerField(validators=[InputRequired()])
    title = StringField(
        _l("Title in Vietnamese"),
        validators=[DataRequired(_l("Write this text; it must not be too long.")), Length(max=LONGEST_TITLE)],
    )
    body = TextAreaField(
        _l("Text in Vietnamese"),
        validators=[DataRequired(_l("Write this text; it must not be too long.")), Length(max=LONGEST_BODY)],
    )
    title_en = StringField(
        _l("Title in English"),
        validators=[DataRequired(_l("Write this text; it must not be too long.")), Length(max=LONGEST_TITLE)],
    )
    body_en = TextAreaField(
        _l("Text in English"),
        validators=[DataRequired(_l("Write this text; it must not be too long.")), Length(max=LONGEST_BODY)],
    )
