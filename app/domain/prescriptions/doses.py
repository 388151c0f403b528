"""Doses: how much, how often, for how many days, the quantity that follows, and how it is written.

An amount that can be read in two ways is asked back (`AmbiguousNumber`), never guessed. Whether a dose suits
a patient is the doctor's decision and, later, that of the checks before signing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from app.core.errors import InvalidValue, Text
from app.core.formats.names import search_key
from app.core.formats.numbers import format_decimal, parse_decimal
from app.core.i18n import _l

MOST_PER_DOSE = Decimal(1000)
MOST_TIMES_PER_DAY = 24
MOST_DAYS = 365

MOST_HANDED_OVER = Decimal(10_000)

# Millilitres are measured out; tablets, sachets, tubes and bottles are handed over whole.
MEASURED_UNITS = frozenset({"ml", "g", "mg"})
# From these, doses are taken by drops, puffs, units or strips; nobody takes two tubes twice a day.
PACKAGES = frozenset({"tuyp", "tube", "lo", "chai", "but", "but tiem", "binh", "binh xit", "binh hit", "hop"})

_FRACTIONS = str.maketrans({"½": "1/2", "¼": "1/4", "¾": "3/4"})
_FRACTION = re.compile(r"(?:([0-9]{1,2})\s+)?([1-9])/([248])")


class InvalidDose(InvalidValue):
    """A dose, frequency or duration outside what can be prescribed."""


class QuantityNeeded(InvalidDose):
    """The quantity does not follow from the dose, and nobody has typed it."""

    def __init__(self, unit: str) -> None:
        super().__init__(
            _l("Write how much is handed over, in %(unit)s: it does not follow from the dose.", unit=unit),
            field="quantity",
        )


@dataclass(frozen=True, slots=True)
class Dose:
    """A regular dose: so many units, so many times a day, for so many days."""

    amount: Decimal
    times_per_day: int
    days: int

    def __post_init__(self) -> None:
        if not 0 < self.amount <= MOST_PER_DOSE or _decimals(self.amount) > 3:
            raise InvalidDose(_l("The dose must be more than 0 and at most 1000."), field="dose_amount")
        if not 1 <= self.times_per_day <= MOST_TIMES_PER_DAY:
            raise InvalidDose(_l("Give the medicine 1 to 24 times a day."), field="times_per_day")
        if not 1 <= self.days <= MOST_DAYS:
            raise InvalidDose(_l("Prescribe for 1 to 365 days."), field="days")

    def quantity(self, unit: str, dose_unit: str | None = None, content: Decimal | None = None) -> Decimal | None:
        """Return how much covers all days, rounded up to whole units of what is not measured out.

        `content` is how many of the unit in which doses are counted one unit holds. None where the quantity does not
        follow from the dose: nobody knows how many drops a bottle has.
        """
        total = self.amount * self.times_per_day * self.days
        if content is None:
            if (dose_unit or unit) != unit or (dose_unit is None and is_package(unit)):
                return None
            content = Decimal(1)
        total /= content
        return total if unit in MEASURED_UNITS else total.to_integral_value(rounding=ROUND_CEILING)

    def text(self, unit: str) -> Text:
        """Write the dose for the patient: 1 viên × 2 times a day × 5 days."""
        return _l(
            "%(amount)s %(unit)s × %(times)s times a day × %(days)s days",
            amount=format_decimal(self.amount),
            unit=unit,
            times=self.times_per_day,
            days=self.days,
        )


def parse_amount(text: str) -> Decimal:
    """Read the amount of a dose: 1, 0,5, 1/2, ½ or 1 1/2; 1.000 raises `AmbiguousNumber`."""
    typed = " ".join(re.sub("([½¼¾])", r" \1", text).translate(_FRACTIONS).split())
    if match := _FRACTION.fullmatch(typed):
        whole, part, of = match.groups()
        amount = Decimal(whole or 0) + Decimal(part) / Decimal(of)
    else:
        amount = parse_decimal(typed)
    if not 0 < amount <= MOST_PER_DOSE or _decimals(amount) > 3:
        raise InvalidDose(_l("The dose must be more than 0 and at most 1000."), field="dose_amount")
    return amount


def parse_quantity(text: str) -> Decimal | None:
    """Read how much is handed over; nothing typed means that it follows from the dose."""
    if not text.strip():
        return None
    quantity = parse_decimal(text)
    if not 0 < quantity <= MOST_HANDED_OVER or _decimals(quantity) > 3:
        raise InvalidDose(_l("The quantity must be more than 0 and at most 10,000."), field="quantity")
    return quantity


def is_package(unit: str) -> bool:
    """Tell whether a unit is a package from which doses are taken, such as a tube or a bottle."""
    return search_key(unit) in PACKAGES


def check_handed_over(
    dose: Dose, unit: str, dose_unit: str | None, content: Decimal | None, typed: Decimal | None
) -> Decimal:
    """Return the quantity that was typed, else the one that follows from the dose; raises QuantityNeeded."""
    quantity = typed if typed is not None else dose.quantity(unit, dose_unit, content)
    if quantity is None:
        raise QuantityNeeded(unit)
    return quantity


def dosed_in(item: Any) -> str:
    """Return the unit in which a row's doses are counted."""
    return str(item.dose_unit or item.unit)


def parse_dose(amount: str, times_per_day: str, days: str) -> Dose:
    """Read a dose from three fields of a form."""
    return Dose(parse_amount(amount), parse_count(times_per_day, "times_per_day"), parse_count(days, "days"))


def format_quantity(quantity: Decimal, unit: str) -> str:
    """Write a quantity as on a prescription: one digit is led by a zero (08 viên), so that none can be added.

    Circular 52/2017/TT-BYT, article 6, and the custom since.
    """
    text = format_decimal(quantity)
    return f"{text.zfill(2) if text.isdigit() else text} {unit}"


def parse_count(text: str, field: str) -> int:
    """Read how many times a day or days; `field` names where it was typed."""
    if not re.fullmatch(r"[0-9]{1,3}", text.strip()):
        raise InvalidDose(_l("Enter a whole number."), field=field)
    return int(text)


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
