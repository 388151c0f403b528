"""Values of tests: how they are read, what is refused, and how they stand to what is usual.

A value outside the physical limits is refused, a critical one is flagged whatever the range says. Nothing is said of a
value for which there is no range. Limits themselves are usual; the critical ones are critical.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber, format_decimal, parse_decimal
from app.core.i18n import _l
from app.domain.laboratory.errors import OutsidePhysicalLimits
from app.domain.laboratory.models import Flag, ValueKind
from app.domain.patients.models import Sex

LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Range:
    """A reference range with whom it is for."""

    sex: Sex | None
    from_days: int
    until_days: int | None
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Measure:
    """What is to be measured of one patient: the analyte with its limits, and the range for this sex and age."""

    analyte_id: UUID
    code: str
    name: str
    unit: str | None
    kind: ValueKind
    decimals: int = 1
    choices: tuple[str, ...] = ()
    normal_choices: tuple[str, ...] = ()
    physical: tuple[Decimal | None, Decimal | None] = (None, None)
    critical: tuple[Decimal | None, Decimal | None] = (None, None)
    usual: tuple[Decimal | None, Decimal | None] = (None, None)
    position: int = 0

    @property
    def usual_words(self) -> str:
        """The range as it is shown: 3,5–5,1, ≤ 40, ≥ 1,0; empty where none is known."""
        return range_words(*self.usual)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as it was read: a number, perhaps only a bound of it, or words."""

    value: Decimal | None = None
    text: str | None = None
    comparator: str | None = None

    @property
    def words(self) -> str:
        """The value as it is shown, and can be typed again."""
        return value_words(self.value, self.text, self.comparator)


class Release(StrEnum):
    """When a patient sees a verified result."""

    AT_ONCE = "at_once"
    AFTER_HOURS = "after_hours"
    AFTER_REVIEW = "after_review"


def range_words(low: Decimal | None, high: Decimal | None) -> str:
    """Say a range."""
    if low is not None and high is not None:
        return f"{format_decimal(low)}–{format_decimal(high)}"
    if low is not None:
        return f"≥ {format_decimal(low)}"
    return f"≤ {format_decimal(high)}" if high is not None else ""


def value_words(value: Decimal | None, text: str | None, comparator: str | None) -> str:
    """Say a value; what was typed behind the comma stays, as it says how exact the value is."""
    if value is None:
        return text or ""
    return f"{comparator or ''}{f'{value:f}'.replace('.', ',')}"


def age_in_days(born_on: date, day: date) -> int:
    """Return the age by which ranges are chosen."""
    return max((day - born_on).days, 0)


def pick_range(ranges: Iterable[Range], sex: Sex, days: int) -> tuple[Decimal | None, Decimal | None]:
    """Return the range for a sex and an age: one of the own sex before one of both."""
    fitting = [
        one
        for one in ranges
        if one.sex in (None, sex) and one.from_days <= days and (one.until_days is None or days < one.until_days)
    ]
    best = max(fitting, key=lambda one: one.sex is not None, default=None)
    return (None, None) if best is None else (best.low, best.high)


def read_value(measure: Measure, typed: str) -> Reading:
    """Read what was typed for an analyte; raises InvalidValue, AmbiguousNumber or OutsidePhysicalLimits."""
    text = typed.strip()
    if measure.kind is ValueKind.TEXT:
        if len(text) > LONGEST_TEXT:
            raise InvalidValue(_l("This text is too long."))
        return Reading(text=text)
    if measure.kind is ValueKind.CHOICE:
        chosen = next((one for one in measure.choices if one.casefold() == text.casefold()), None)
        if chosen is None:
            raise InvalidValue(_l("Choose one of: %(choices)s.", choices=", ".join(measure.choices)))
        return Reading(text=chosen)
    comparator = text[0] if text[:1] in ("<", ">") else None
    return Reading(value=_number(measure, text.removeprefix(comparator or "")), comparator=comparator)


def flag_of(measure: Measure, reading: Reading) -> Flag | None:
    """Return how a value stands to what is usual."""
    if reading.value is None:
        if not measure.normal_choices:
            return None
        return Flag.NORMAL if reading.text in measure.normal_choices else Flag.ABNORMAL
    return _critical(measure, reading.value) or _beside_usual(measure, reading.value, reading.comparator)


def release_at(policy: Release, hours: int, verified_at: datetime) -> datetime | None:
    """Return when the patient sees a result; None until a doctor has seen it."""
    if policy is Release.AFTER_REVIEW:
        return None
    return verified_at + timedelta(hours=hours if policy is Release.AFTER_HOURS else 0)


def _critical(measure: Measure, value: Decimal) -> Flag | None:
    low, high = measure.critical
    if low is not None and value <= low:
        return Flag.CRITICAL_LOW
    return Flag.CRITICAL_HIGH if high is not None and value >= high else None


def _beside_usual(measure: Measure, value: Decimal, comparator: str | None) -> Flag | None:
    low, high = measure.usual
    if low is not None and (value < low or (value == low and comparator == "<")):
        return Flag.LOW
    if high is not None and (value > high or (value == high and comparator == ">")):
        return Flag.HIGH
    return None if low is None and high is None else Flag.NORMAL


def _number(measure: Measure, typed: str) -> Decimal:
    """Read a number; of two possible readings the one that can be, where only one of them can."""
    try:
        value = parse_decimal(typed)
    except AmbiguousNumber as error:
        possible = [one for one in error.readings if _can_be(measure, one)]
        if len(possible) != 1:
            raise
        value = possible[0]
    if not _can_be(measure, value):
        low, high = measure.physical
        unit = f" {measure.unit}" if measure.unit else ""
        raise OutsidePhysicalLimits(
            _l("%(name)s cannot be %(value)s%(unit)s. Possible is %(range)s. Check the comma and the unit.",
               name=measure.name, value=format_decimal(value), unit=unit, range=range_words(low, high))
        )  # fmt: skip
    return value


def _can_be(measure: Measure, value: Decimal) -> bool:
    low, high = measure.physical
    return (low is None or value >= low) and (high is None or value <= high)
