"""Health insurance numbers (BHYT): three formats that are valid side by side.

- 15 characters: Decision 1351/QĐ-BHXH of 2015 (amended by 1697/QĐ-BHXH of 2023 and 1018/QĐ-BHXH of 2024): two
  letters for the group of insured, a digit for the level of benefit, two for the province, ten for the social
  insurance number.
- 10 digits: the social insurance number alone, on cards since April 2021 (Decision 1666/QĐ-BHXH of 2020).
- 12 digits: the citizen identity number, which stands for the card at the desk.

Whether an insurance is in force only the insurer's portal can tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.patients.cccd import parse_cccd

# Share of the costs within the scope of benefits, by the third character of the card.
BENEFIT_PERCENT = {1: 100, 2: 100, 3: 95, 4: 80, 5: 100}

_SEPARATORS = re.compile(r"[\s.\-]")
# Groups are added by decree, so that any two letters are taken; a list here would turn new groups away.
_CARD = re.compile(r"([A-Z]{2})([1-5])([0-9]{2})([0-9]{10})")
_TEN_DIGITS = re.compile(r"[0-9]{10}")
_TWELVE_DIGITS = re.compile(r"[0-9]{12}")


class BhytFormat(StrEnum):
    CCCD = "cccd"
    SOCIAL_INSURANCE = "social_insurance"
    CARD = "card"


class InvalidBhyt(InvalidValue):
    """The text is none of the three forms of a health insurance number."""


@dataclass(frozen=True, slots=True)
class Bhyt:
    """A health insurance number; only the 15-character card says group, level and province."""

    number: str
    format: BhytFormat
    social_insurance_number: str | None = None
    group_code: str | None = None
    benefit_level: int | None = None
    province_code: str | None = None

    @property
    def benefit_percent(self) -> int | None:
        """The share of covered costs that the card promises; None when the number does not say."""
        return None if self.benefit_level is None else BENEFIT_PERCENT[self.benefit_level]

    def __str__(self) -> str:
        return self.number


def parse_bhyt(text: str) -> Bhyt:
    """Read a health insurance number in any of its three formats, with or without separators."""
    number = _SEPARATORS.sub("", text).upper()
    if _TWELVE_DIGITS.fullmatch(number):
        return Bhyt(parse_cccd(number).number, BhytFormat.CCCD)
    if _TEN_DIGITS.fullmatch(number):
        return Bhyt(number, BhytFormat.SOCIAL_INSURANCE, social_insurance_number=number)
    if match := _CARD.fullmatch(number):
        return _card(number, *match.groups())
    raise InvalidBhyt(_l("Enter the 15 characters or 10 digits of the insurance card, or the 12 digits of the CCCD."))


def format_bhyt(bhyt: Bhyt) -> str:
    """Show a card number in the groups printed on the card: GD 4 79 0123456789."""
    if bhyt.format is not BhytFormat.CARD:
        return bhyt.number
    number = bhyt.number
    return f"{number[:2]} {number[2]} {number[3:5]} {number[5:]}"


def _card(number: str, group: str, level: str, province: str, social_insurance: str) -> Bhyt:
    if province == "00":
        raise InvalidBhyt(_l("An insurance card's fourth and fifth characters are a province from 01 to 99."))
    return Bhyt(number, BhytFormat.CARD, social_insurance, group, int(level), province)
