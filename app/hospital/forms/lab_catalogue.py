"""The forms with which the catalogue of tests is kept, and the laboratory's rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, Regexp

from app.core.errors import InvalidValue
from app.core.formats.numbers import format_decimal, parse_decimal
from app.core.i18n import _l
from app.domain.laboratory.keeping_catalogue import AnalyteFacts, TestFacts
from app.domain.laboratory.models import Analyte, LabKind, SpecimenKind, ValueKind
from app.domain.laboratory.rules import Release
from app.domain.laboratory.settings import LabSettings
from app.domain.patients.models import Sex
from app.hospital.forms.emergency_access import VersionedForm
from app.hospital.forms.laboratory import ChecklistField
from app.hospital.forms.vitals import WHOLE
from app.hospital.lab_words import KIND, RELEASE, SPECIMEN, VALUE_KIND
from app.hospital.wording import SEX

LIMITS = ("physical_low", "physical_high", "critical_low", "critical_high")
MISSING = _l("Fill this in.")
TOO_LONG = _l("This text is too long.")
DAYS_OF = {"days": Decimal(1), "months": Decimal("30.4375"), "years": Decimal("365.25")}


def _code() -> StringField:
    form = Regexp(r"^[A-Za-z0-9_.-]{1,20}$", message=_l("Use 1 to 20 letters without marks, digits, dots, dashes."))
    return StringField(_l("Code"), validators=[DataRequired(MISSING), form])


def _text(label: Any, most: int = 200, *, needed: bool = False) -> StringField:
    first = [DataRequired(MISSING)] if needed else []
    return StringField(label, validators=[*first, Length(max=most, message=TOO_LONG)])


class TestForm(VersionedForm):
    """A test of the catalogue."""

    __test__ = False

    code = _code()
    name = _text(_l("Name"), needed=True)
    name_en = _text(_l("Name in English"))
    category = _text(_l("Heading in the catalogue"), needed=True)
    kind = RadioField(_l("Kind"), choices=[SelectChoice(one.value, words) for one, words in KIND.items()])
    specimen = SelectField(
        _l("Specimen"),
        choices=[SelectChoice("", _l("None")), *(SelectChoice(one.value, words) for one, words in SPECIMEN.items())],
    )
    preparation = _text(_l("What the patient is told before"), 500)
    turnaround_minutes = IntegerField(
        _l("Minutes until the result"), validators=[Optional(), NumberRange(1, 100_000, message=WHOLE)]
    )
    is_active = BooleanField(_l("Can be ordered"), default=True)

    def read(self) -> TestFacts:
        """Return what was typed."""
        return TestFacts(
            code=self.code.data.upper(),
            name=self.name.data,
            category=self.category.data,
            kind=LabKind(self.kind.data),
            specimen=SpecimenKind(self.specimen.data) if self.specimen.data else None,
            name_en=self.name_en.data or None,
            preparation=self.preparation.data or None,
            turnaround_minutes=self.turnaround_minutes.data,
            is_active=bool(self.is_active.data),
        )


class AnalyteForm(VersionedForm):
    """An analyte with its limits; choices are written one a line, those that are usual again below."""

    code = _code()
    name = _text(_l("Name"), needed=True)
    name_en = _text(_l("Name in English"))
    value_kind = RadioField(
        _l("The value is"),
        choices=[SelectChoice(one.value, words) for one, words in VALUE_KIND.items()],
        default=ValueKind.NUMBER.value,
    )
    unit = _text(_l("Unit"), 30)
    decimals = IntegerField(_l("Decimals"), default=1, validators=[Optional(), NumberRange(0, 6, message=WHOLE)])
    physical_low = _text(_l("Lowest that can be"), 24)
    physical_high = _text(_l("Highest that can be"), 24)
    critical_low = _text(_l("Critical at or below"), 24)
    critical_high = _text(_l("Critical at or above"), 24)
    choices = TextAreaField(_l("Choices"), validators=[Length(max=2000, message=TOO_LONG)])
    normal_choices = TextAreaField(_l("Usual choices"), validators=[Length(max=2000, message=TOO_LONG)])
    critical_choices = TextAreaField(_l("Critical choices"), validators=[Length(max=2000, message=TOO_LONG)])
    explanation = _text(_l("One sentence for the patient"), 500)
    is_active = BooleanField(_l("Is measured"), default=True)

    def fill(self, analyte: Analyte) -> None:
        """Show an analyte as it stands."""
        for name in ("code", "name", "name_en", "unit", "decimals", "explanation", "is_active"):
            self._fields[name].data = getattr(analyte, name)
        for name in LIMITS:
            value = getattr(analyte, name)
            self._fields[name].data = "" if value is None else format_decimal(value)
        self.value_kind.data = analyte.value_kind.value
        for name in ("choices", "normal_choices", "critical_choices"):
            self._fields[name].data = "\n".join(getattr(analyte, name))
        self.version.data = str(analyte.version)

    def read(self) -> AnalyteFacts | None:
        """Return what was typed, or None with an error at every field that is wrong."""
        limits = {name: read_number(self, name) for name in LIMITS}
        if self.errors:
            return None
        return AnalyteFacts(
            code=self.code.data.upper(),
            name=self.name.data,
            value_kind=ValueKind(self.value_kind.data),
            name_en=self.name_en.data or None,
            unit=self.unit.data or None,
            decimals=self.decimals.data or 0,
            choices=_lines(self.choices.data),
            normal_choices=_lines(self.normal_choices.data),
            critical_choices=_lines(self.critical_choices.data),
            explanation=self.explanation.data or None,
            is_active=bool(self.is_active.data),
            **limits,
        )


class RangeForm(VersionedForm):
    """A reference range for a sex and an age."""

    sex = SelectField(
        _l("For whom"),
        choices=[
            SelectChoice("", _l("Everybody")),
            *(SelectChoice(sex.value, SEX[sex]) for sex in (Sex.MALE, Sex.FEMALE)),
        ],
    )
    from_age = IntegerField(_l("From age"), validators=[Optional(), NumberRange(0, 50_000, message=WHOLE)])
    until_age = IntegerField(_l("Until before age"), validators=[Optional(), NumberRange(0, 50_000, message=WHOLE)])
    age_unit = SelectField(
        _l("Age in"),
        choices=[
            SelectChoice("years", _l("Years")),
            SelectChoice("months", _l("Months")),
            SelectChoice("days", _l("Days")),
        ],
    )
    low = _text(_l("Lower limit"), 24)
    high = _text(_l("Upper limit"), 24)

    @property
    def ages(self) -> tuple[int, int | None]:
        """Return the ages in days."""
        days = DAYS_OF[self.age_unit.data]
        until = self.until_age.data
        return round((self.from_age.data or 0) * days), None if until is None else round(until * days)


class PanelForm(VersionedForm):
    """A panel of tests."""

    code = _code()
    name = _text(_l("Name"), needed=True)
    tests = ChecklistField(_l("Tests"), choices=[], validate_choice=False)


class LabSettingsForm(VersionedForm):
    """When patients see their results."""

    release = RadioField(
        _l("A patient sees a result"), choices=[SelectChoice(one.value, words) for one, words in RELEASE.items()]
    )
    hours = IntegerField(_l("Hours, where it is some hours after"), validators=[Optional()])

    def read(self) -> LabSettings:
        """Return what was chosen."""
        return LabSettings(Release(self.release.data), self.hours.data if self.hours.data is not None else 24)


def read_number(form: VersionedForm, name: str) -> Decimal | None:
    """Return a typed number or None; puts an error at the field where it is none."""
    typed = form._fields[name].data
    if not typed:
        return None
    try:
        return parse_decimal(typed)
    except InvalidValue as error:
        form.add_error(name, InvalidValue(error.message, field=name))
        return None


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))
