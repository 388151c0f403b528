"""Decimal numbers typed with comma or point and shown with a comma; two possible readings are asked back."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from app.core.errors import InvalidValue
from app.core.i18n import _l

_PLAIN = re.compile(r"[0-9]+")
_ONE_SEPARATOR = re.compile(r"([0-9]+)[.,]([0-9]+)")
_POINT_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?")
_COMMA_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
LONGEST = 24


class AmbiguousNumber(InvalidValue):
    """A number such as 1.000 that is one for some and a thousand for others; `readings` holds both."""

    def __init__(self, typed: str, fraction: Decimal, whole: Decimal) -> None:
        self.readings = (fraction, whole)
        super().__init__(
            _l(
                "“%(typed)s” can be read in two ways. Write %(fraction)s or %(whole)s.",
                typed=typed,
                fraction=unambiguous(fraction),
                whole=unambiguous(whole),
            )
        )


def parse_decimal(text: str) -> Decimal:
    """Read a number with comma or point; 1.000 and 1,000 raise `AmbiguousNumber`."""
    typed = text.strip().replace("\u00a0", "").replace("\u2212", "-")
    sign, digits = (-1, typed[1:]) if typed.startswith("-") else (1, typed)
    if len(digits) > LONGEST:
        raise _not_a_number()
    if _PLAIN.fullmatch(digits):
        return sign * Decimal(digits)
    if single := _ONE_SEPARATOR.fullmatch(digits):
        return sign * _read_single(typed, *single.groups(), sign=sign)
    if _POINT_GROUPS.fullmatch(digits):
        return sign * Decimal(digits.replace(".", "").replace(",", "."))
    if _COMMA_GROUPS.fullmatch(digits):
        return sign * Decimal(digits.replace(",", ""))
    raise _not_a_number()


def format_decimal(value: Decimal | int | float, places: int | None = None) -> str:
    """Write a number with a comma, ungrouped; without `places`, closing zeros are left out.

    No trailing zero and always a leading one, so that a dose of 1,0 is never read as 10 nor ,5 as 5
    (Institute for Safe Medication Practices, list of error-prone dose designations).
    """
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if places is not None:
        number = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{number:f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if number == 0:
        text = text.lstrip("-")
    return text.replace(".", ",")


def unambiguous(value: Decimal) -> str:
    """Write a number in the form that `parse_decimal` takes without asking back: 1.234 becomes 1,2340."""
    text = format_decimal(value)
    _before, comma, after = text.partition(",")
    return f"{text}0" if comma and len(after) == 3 else text


def _read_single(typed: str, before: str, after: str, *, sign: int) -> Decimal:
    fraction = Decimal(f"{before}.{after}")
    could_be_thousands = len(after) == 3 and len(before) <= 3 and not before.startswith("0")
    if could_be_thousands:
        raise AmbiguousNumber(typed, sign * fraction, sign * Decimal(before + after))
    return fraction


def _not_a_number() -> InvalidValue:
    return InvalidValue(_l("Enter a number, for example 36,5."))
