"""The form of one measurement: values as they are typed, with comma or point, checked against what can be."""

from __future__ import annotations

from decimal import Decimal

from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue
from app.core.formats.numbers import format_decimal, parse_decimal
from app.core.i18n import _l
from app.domain.records.models import Consciousness
from app.domain.records.vital_ranges import RANGES, VitalSign, check_blood_pressure, check_plausible, is_seldom
from app.domain.records.vitals import LONGEST_NOTE, Observed
from app.hospital.wording import CONSCIOUSNESS, OXYGEN
from app.web.forms import Form
from app.web.versions import read_version

WHOLE = _l("Enter a whole number.")


class VitalsForm(Form):
    """One field per sign, named as the sign; what was not measured stays empty."""

    temperature_c = StringField(RANGES[VitalSign.TEMPERATURE].label)
    pulse = StringField(RANGES[VitalSign.PULSE].label)
    systolic = StringField(RANGES[VitalSign.SYSTOLIC].label)
    diastolic = StringField(RANGES[VitalSign.DIASTOLIC].label)
    respiratory_rate = StringField(RANGES[VitalSign.RESPIRATORY_RATE].label)
    spo2 = StringField(RANGES[VitalSign.SPO2].label)
    weight_kg = StringField(RANGES[VitalSign.WEIGHT].label)
    height_cm = StringField(RANGES[VitalSign.HEIGHT].label)
    pain = StringField(RANGES[VitalSign.PAIN].label)
    oxygen = RadioField(
        _l("Breathing"), choices=[SelectChoice(code, label) for code, label in OXYGEN.items()], validate_choice=False
    )
    consciousness = SelectField(
        _l("Consciousness"),
        choices=[
            SelectChoice("", _l("Not assessed")),
            *(SelectChoice(each.value, label) for each, label in CONSCIOUSNESS.items()),
        ],
        validate_choice=False,
    )
    spo2_scale_2 = BooleanField(_l("A doctor has set 88–92 % as the target of oxygen saturation"))
    note = TextAreaField(_l("Note"), validators=[Length(max=LONGEST_NOTE, message=_l("This text is too long."))])
    appointment = HiddenField()
    checked = BooleanField(_l("I have looked again: the values are right"))
    asked = HiddenField()

    def read(self) -> dict[VitalSign, Decimal] | None:
        """Return the typed values, or None with an error at every field that is wrong."""
        values: dict[VitalSign, Decimal] = {}
        for sign in VitalSign:
            typed = self._fields[sign.value].data
            if not typed:
                continue
            try:
                values[sign] = self._read_one(sign, typed)
            except InvalidValue as error:
                self.add_error(sign.value, error)
        if not self.errors:
            self._check_together(values)
        if not self.errors:
            self._ask_about_seldom(values)
        return None if self.errors else values

    @property
    def observed(self) -> Observed:
        """What was seen rather than measured."""
        oxygen = {"oxygen": True, "air": False}.get(self.oxygen.data or "")
        seen = self.consciousness.data if self.consciousness.data in set(Consciousness) else None
        return Observed(oxygen, Consciousness(seen) if seen else None, 2 if self.spo2_scale_2.data else 1)

    def _read_one(self, sign: VitalSign, typed: str) -> Decimal:
        value = parse_decimal(typed)
        if RANGES[sign].places == 0 and value != value.to_integral_value():
            raise InvalidValue(WHOLE)
        return check_plausible(sign, value)

    def _check_together(self, values: dict[VitalSign, Decimal]) -> None:
        upper, lower = values.get(VitalSign.SYSTOLIC), values.get(VitalSign.DIASTOLIC)
        try:
            check_blood_pressure(None if upper is None else int(upper), None if lower is None else int(lower))
            if not values and not self.observed.names:
                raise InvalidValue(_l("Enter at least one value."), field=VitalSign.TEMPERATURE.value)
        except InvalidValue as error:
            self.add_error(VitalSign.TEMPERATURE.value, error)

    def _ask_about_seldom(self, values: dict[VitalSign, Decimal]) -> None:
        """Ask whether seldom values were mistyped; an answer holds for the values that were asked about."""
        seldom = {sign: value for sign, value in values.items() if is_seldom(sign, value)}
        asked = " ".join(f"{sign.value}={value}" for sign, value in seldom.items())
        if not seldom or (self.checked.data and self.asked.data == asked):
            return
        self.asked.data, self.checked.data = asked, False
        for sign, value in seldom.items():
            error = _l(
                "%(sign)s %(value)s is seldom. Is it right? Then tick that below and save again.",
                sign=RANGES[sign].label,
                value=format_decimal(value),
            )
            self.add_error(sign.value, InvalidValue(error))


class ReasonForm(Form):
    """A reason for something that is not taken back."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Write down the reason.")),
            Length(max=500, message=_l("Write at most 500 characters.")),
        ],
    )
    version = HiddenField()

    @property
    def version_number(self) -> int:
        """The version that the page showed."""
        return read_version(self.version.data) or 0
