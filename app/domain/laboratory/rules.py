"""Values of tests: how they are read, what is refused, and how they stand to what is usual.

A value outside the physical limits is refused, a critical one is flagged whatever the range says. Nothing is said of a
value for which there is no range, and of a mere bound (<6) only what holds of every value beyond it. Limits themselves
are usual; the critical ones are critical.
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
MONTH = Decimal("30.4375")  # a twelfth of 365.25 days, as the ages of ranges are written down
BY_DAYS = 2  # below so many months an age counts its days
_BELOW, _ABOVE = 0, 1


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
    critical_choices: tuple[str, ...] = ()
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
    """Return the age by which ranges are chosen: days, from two months on as the calendar counts months.

    Ranges count a month as MONTH days. So that one for years begins on the birthday, each month that is over counts so.
    """
    if day <= born_on:
        return 0
    months = (day.year - born_on.year) * 12 + day.month - born_on.month - (day.day < born_on.day)
    if months < BY_DAYS:
        return min((day - born_on).days, round(BY_DAYS * MONTH) - 1)
    begun = round(months * MONTH)
    return min(begun + _days_since_month_began(born_on, day), round((months + 1) * MONTH) - 1)


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
        return _flag_of_words(measure, reading.text)
    if reading.comparator is not None:
        return _flag_of_bound(measure, reading.value, _BELOW if reading.comparator == "<" else _ABOVE)
    return _critical(measure, reading.value) or _beside_usual(measure, reading.value)


def may_be_critical(measure: Measure, reading: Reading) -> bool:
    """Tell whether a mere bound leaves open that the value is critical: >4,5 where 5 is."""
    if reading.value is None or reading.comparator is None:
        return False
    side = _BELOW if reading.comparator == "<" else _ABOVE
    critical, usual = measure.critical[side], measure.usual[side]
    if critical is None or _is_beyond(reading.value, critical, side):
        return False
    return usual is None or _is_beyond(reading.value, usual, side)


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


def _beside_usual(measure: Measure, value: Decimal) -> Flag | None:
    low, high = measure.usual
    if low is not None and value < low:
        return Flag.LOW
    if high is not None and value > high:
        return Flag.HIGH
    return None if low is None and high is None else Flag.NORMAL


def _flag_of_words(measure: Measure, text: str | None) -> Flag | None:
    if text in measure.critical_choices:
        return Flag.CRITICAL
    if not measure.normal_choices:
        return None
    return Flag.NORMAL if text in measure.normal_choices else Flag.ABNORMAL


def _flag_of_bound(measure: Measure, value: Decimal, side: int) -> Flag | None:
    """Say what holds of every value beyond a bound; nothing where it could be usual or not."""
    critical, usual, other = measure.critical[side], measure.usual[side], measure.usual[_ABOVE - side]
    if critical is not None and _is_beyond(value, critical, side):
        return (Flag.CRITICAL_LOW, Flag.CRITICAL_HIGH)[side]
    if usual is not None:
        return (Flag.LOW, Flag.HIGH)[side] if _is_beyond(value, usual, side) else None
    return Flag.NORMAL if critical is None and other is not None and _is_beyond(value, other, side) else None


def _is_beyond(value: Decimal, limit: Decimal, side: int) -> bool:
    return value <= limit if side == _BELOW else value >= limit


def _days_since_month_began(born_on: date, day: date) -> int:
    if day.day >= born_on.day:
        return day.day - born_on.day
    last_of_month_before = day.replace(day=1) - timedelta(days=1)
    return day.day + last_of_month_before.day - min(born_on.day, last_of_month_before.day)


def _number(measure: Measure, typed: str) -> Decimal:
    """Read a number; what can be read in two ways is asked back, unless as it is typed it alone can be.

    1.020 of a specific gravity stays 1,020. A thousand is never made of what was typed with a comma or point.
    """
    try:
        value = parse_decimal(typed)
    except AmbiguousNumber as error:
        as_typed, thousands = error.readings
        if not _can_be(measure, as_typed) or _can_be(measure, thousands):
            raise
        value = as_typed
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
