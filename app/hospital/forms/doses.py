"""The fields in which a medicine is chosen and its dose is written: of a prescription, or of an order set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber
from app.core.i18n import _l
from app.core.ids import parse_id
from app.domain.prescriptions.doses import Dose, parse_amount, parse_count, parse_quantity
from app.domain.prescriptions.models import MealTiming
from app.domain.prescriptions.operations import LONGEST_INSTRUCTIONS
from app.hospital.wording import MEAL_TIMING
from app.web.forms import Form


class DoseForm(Form):
    """A medicine, how much of it, how often, for how long, when, and what else is said to the patient."""

    medicine_q = StringField(_l("Find a medicine"), validators=[Length(max=100)])
    medicine_id = RadioField(_l("Medicine"), validate_choice=False, choices=[])
    dose_amount = StringField(_l("Dose"))
    times_per_day = StringField(_l("Times a day"))
    days = StringField(_l("Days"))
    quantity = StringField(_l("Quantity"))
    meal_timing = SelectField(
        _l("Timing"),
        choices=[SelectChoice(timing.value, label) for timing, label in MEAL_TIMING.items()],
        validate_choice=False,
    )
    instructions = StringField(
        _l("Instructions"),
        validators=[Length(max=LONGEST_INSTRUCTIONS, message=_l("This text is too long."))],
    )

    @property
    def has_item(self) -> bool:
        """Whether a medicine is being written: chosen, or with a dose."""
        return bool(self.medicine_id.data or self.dose_amount.data)

    @property
    def is_begun(self) -> bool:
        """Whether anything of a medicine is written that was not added yet; what was only searched for is not."""
        written = ("medicine_id", "dose_amount", "times_per_day", "days", "quantity", "instructions")
        return any(self._fields[name].data for name in written)

    def read_item(self) -> tuple[UUID, Dose, MealTiming, Decimal | None] | None:
        """Return medicine, dose, timing and typed quantity, or None with an error at every field that is wrong."""
        medicine_id = parse_id(self.medicine_id.data or "")
        if medicine_id is None:
            self.add_error("medicine_q", InvalidValue(_l("Choose a medicine from the list.")))
        dose = self._read_dose()
        timing = self.meal_timing.data if self.meal_timing.data in set(MealTiming) else MealTiming.ANY
        quantity = self._read("quantity", parse_quantity)
        if medicine_id is None or dose is None or self.quantity.errors:
            return None
        return medicine_id, dose, MealTiming(timing), quantity

    def forget_item(self) -> None:
        """Empty the fields of the medicine that was just added."""
        for name in ("medicine_q", "medicine_id", "dose_amount", "times_per_day", "days", "quantity", "instructions"):
            self._fields[name].data = ""
        self.meal_timing.data = MealTiming.ANY.value

    def _read_dose(self) -> Dose | None:
        amount = self._read("dose_amount", parse_amount)
        times = self._read("times_per_day", lambda typed: parse_count(typed, "times_per_day"))
        days = self._read("days", lambda typed: parse_count(typed, "days"))
        if amount is None or times is None or days is None:
            return None
        try:
            return Dose(amount, times, days)
        except InvalidValue as error:
            self.add_error("dose_amount", error)
            return None

    def _read(self, name: str, parse: Any) -> Any:
        try:
            return parse(self._fields[name].data or "")
        except AmbiguousNumber as error:
            self._fields[name].errors = [error.message]  # asked back at the dose itself, never guessed
        except InvalidValue as error:
            self.add_error(name, error)
        return None
