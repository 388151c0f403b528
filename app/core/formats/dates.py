"""Dates and times as they are read and written in Vietnam: day/month/year, 24-hour clock, and a person's age.

Which day it is, and in which zone a hospital lives, is told by the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum

from app.core.errors import InvalidValue, Text
from app.core.i18n import _l

EARLIEST_YEAR = 1900
LATEST_YEAR = 2199
ADULT_YEARS = 18
MONTHS_SHOWN_BELOW_YEARS = 3

_DAY_FIRST = re.compile(r"([0-9]{1,2})\s*[/.\-\s]\s*([0-9]{1,2})\s*[/.\-\s]\s*([0-9]+)")
_DIGITS = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


class AgeUnit(StrEnum):
    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Age:
    """A completed age in the unit that is said for a person of that age."""

    count: int
    unit: AgeUnit

    def __str__(self) -> str:
        return str(self.words())

    def words(self) -> Text:
        """Say the age; a year is never alone, because the second year of life is said in months."""
        if self.unit is AgeUnit.DAYS:
            return _l("1 day old") if self.count == 1 else _l("%(count)s days old", count=self.count)
        if self.unit is AgeUnit.MONTHS:
            return _l("1 month old") if self.count == 1 else _l("%(count)s months old", count=self.count)
        return _l("%(count)s years old", count=self.count)


def parse_date(text: str) -> date:
    """Read a date typed as 15/03/1984, 15-3-1984, 15.03.1984, 15031984 or 1984-03-15."""
    typed = text.strip()
    if iso := _ISO.fullmatch(typed):
        year, month, day = iso.groups()
        return date_from_parts(day, month, year)
    if match := _DAY_FIRST.fullmatch(typed) or _DIGITS.fullmatch(typed):
        return date_from_parts(*match.groups())
    raise InvalidValue(_l("Enter a date as day/month/year, for example 15/03/1984."))


def date_from_parts(day: str, month: str, year: str) -> date:
    """Read a date from three fields; a year of two digits is refused: its century would be a guess."""
    parts = [part.strip() for part in (day, month, year)]
    if not all(re.fullmatch(r"[0-9]+", part) for part in parts):
        raise InvalidValue(_l("Enter day, month and year in digits, for example 15, 03 and 1984."))
    if len(parts[2]) != 4:
        raise InvalidValue(_l("Write the year with four digits, for example 1984."))
    day_number, month_number, year_number = (int(part[:4]) for part in parts)
    if not EARLIEST_YEAR <= year_number <= LATEST_YEAR:
        raise InvalidValue(
            _l(
                "The year must be between %(first)s and %(last)s.",
                first=EARLIEST_YEAR,
                last=LATEST_YEAR,
            )
        )
    try:
        return date(year_number, month_number, day_number)
    except ValueError:
        raise InvalidValue(
            _l("There is no %(date)s in the calendar.", date="/".join(parts)),
        ) from None


def format_date(value: date) -> str:
    """Write a date as dd/MM/yyyy, in both languages."""
    return f"{value.day:02d}/{value.month:02d}/{value.year:04d}"


def format_time(value: datetime, zone: tzinfo) -> str:
    """Write the time of an instant as HH:mm on the clocks of a zone."""
    return f"{_local(value, zone):%H:%M}"


def format_datetime(value: datetime, zone: tzinfo) -> str:
    """Write an instant as dd/MM/yyyy HH:mm on the clocks of a zone."""
    local = _local(value, zone)
    return f"{format_date(local)} {local:%H:%M}"


def years_between(born: date, on: date) -> int:
    """Count completed years; who was born on 29 February completes one on 1 March of a common year."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def months_between(born: date, on: date) -> int:
    """Count completed months; prescriptions for children under 72 months name them.

    Circular 26/2025/TT-BYT, article 6: a prescription for a child under 72 months states the age in
    months and the weight.
    """
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)


def age(born: date, on: date) -> Age:
    """Say an age as it is said to parents: days in the first month, months under three years, then years."""
    if born > on:
        raise InvalidValue(_l("The date of birth is in the future."))
    months = months_between(born, on)
    if months < 1:
        return Age((on - born).days, AgeUnit.DAYS)
    if months < MONTHS_SHOWN_BELOW_YEARS * 12:
        return Age(months, AgeUnit.MONTHS)
    return Age(years_between(born, on), AgeUnit.YEARS)


def is_adult(born: date, on: date) -> bool:
    """Tell whether a person was born on or before the day 18 years earlier (Civil Code 2015, article 20)."""
    return born <= on and years_between(born, on) >= ADULT_YEARS


def _local(value: datetime, zone: tzinfo) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be shown")
    return value.astimezone(zone)
