"""The citizen identity number (CCCD): what its twelve digits say, and the QR code on the card.

Structure (Decree 137/2015/NĐ-CP, article 13; Circulars 07/2016/TT-BCA, article 7, and 59/2021/TT-BCA, article
4): three digits for the province or country where the birth was registered, one for century and sex, two for
the year, six at random. There is no check digit. Whether somebody else has the number is not asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, parse_date
from app.core.formats.names import normalise_name, search_key
from app.core.formats.provinces import provinces_of_birth
from app.core.i18n import _l
from app.domain.patients.models import Sex

# Below are provinces, from here on countries: citizens whose birth was registered abroad.
FIRST_COUNTRY_CODE = 100
FIRST_CENTURY = 1900
LAST_CENTURY_DIGIT = 3
QR_FIELDS = 7

_SEPARATORS = re.compile(r"[\s.\-]")
_TWELVE_DIGITS = re.compile(r"[0-9]{12}")


class InvalidCccd(InvalidValue):
    """The text is not a citizen identity number."""


class CccdContradiction(InvalidValue):
    """The number is possible but says something else than the rest of the form."""


class CccdContradictsSex(CccdContradiction):
    pass


class CccdContradictsBirthDate(CccdContradiction):
    pass


@dataclass(frozen=True, slots=True)
class Cccd:
    """A citizen identity number and what it says about its holder."""

    number: str
    province_code: str
    sex: Sex
    birth_year: int

    @property
    def province_name(self) -> str | None:
        """Where the birth was registered; None for those registered abroad."""
        return provinces_of_birth().get(self.province_code)

    def __str__(self) -> str:
        return self.number


@dataclass(frozen=True, slots=True)
class CccdQr:
    """What the QR code of an identity card says; old number, address and date of issue may be missing."""

    cccd: Cccd
    old_number: str | None
    full_name: str
    birth_date: date
    sex: Sex
    address: str | None
    issued_on: date | None


def parse_cccd(text: str, *, sex: str | None = None, birth_date: date | None = None) -> Cccd:
    """Read an identity number and hold it against the sex and date of birth, where they are given."""
    number = _SEPARATORS.sub("", text)
    if not _TWELVE_DIGITS.fullmatch(number):
        raise InvalidCccd(_l("A CCCD number has 12 digits."))
    cccd = Cccd(number, _province_code(number), _sex(number), _birth_year(number))
    check_agreement(cccd, sex=sex, birth_date=birth_date)
    return cccd


def check_agreement(cccd: Cccd, *, sex: str | None, birth_date: date | None) -> None:
    """Refuse a number whose digits contradict the sex or the year of birth.

    A sex that is unknown or neither is not held against the number, because the digit knows two only.
    """
    if sex in (Sex.MALE, Sex.FEMALE) and sex != cccd.sex:
        if cccd.sex is Sex.MALE:
            raise CccdContradictsSex(_l("This is a man's CCCD number; check the number and the sex."))
        raise CccdContradictsSex(_l("This is a woman's CCCD number; check the number and the sex."))
    if birth_date is not None and birth_date.year != cccd.birth_year:
        raise CccdContradictsBirthDate(
            _l(
                "This CCCD number belongs to somebody born in %(year)s, not on %(date)s; check both.",
                year=cccd.birth_year,
                date=format_date(birth_date),
            )
        )


def parse_cccd_qr(text: str) -> CccdQr:
    """Read a card's QR code: number|old number|name|ddmmyyyy|sex|address|ddmmyyyy of issue.

    The order of fields is known from the cards themselves (chip card of Circular 06/2021/TT-BCA); what newer
    cards append after them is left aside.
    """
    fields = [field.strip() for field in text.strip().split("|")]
    if len(fields) < QR_FIELDS:
        raise InvalidCccd(_l("This is not the QR code of an identity card."))
    number, old_number, name, born, sex_word, address, issued = fields[:QR_FIELDS]
    sex, birth_date = _sex_word(sex_word), parse_date(born)
    if not (full_name := normalise_name(name)):
        raise InvalidCccd(_l("This is not the QR code of an identity card."))
    return CccdQr(
        cccd=parse_cccd(number, sex=sex, birth_date=birth_date),
        old_number=old_number or None,
        full_name=full_name,
        birth_date=birth_date,
        sex=sex,
        address=normalise_name(address) or None,
        issued_on=parse_date(issued) if issued else None,
    )


def compose_cccd(province_code: str, sex: Sex, birth_year: int, serial: int) -> str:
    """Make the number that a person of this province, sex and year would have; for invented people only."""
    century = (birth_year - FIRST_CENTURY) // 100
    digit = century * 2 + (sex is Sex.FEMALE)
    return parse_cccd(f"{province_code}{digit}{birth_year % 100:02d}{serial:06d}").number


def _province_code(number: str) -> str:
    code = number[:3]
    if int(code) < FIRST_COUNTRY_CODE and code not in provinces_of_birth():
        raise InvalidCccd(_l("No province has the code %(code)s; check the first three digits.", code=code))
    return code


def _sex(number: str) -> Sex:
    return Sex.FEMALE if int(number[3]) % 2 else Sex.MALE


def _birth_year(number: str) -> int:
    digit = int(number[3])
    if digit > LAST_CENTURY_DIGIT:
        raise InvalidCccd(_l("The fourth digit of a CCCD number is 0, 1, 2 or 3."))
    return FIRST_CENTURY + digit // 2 * 100 + int(number[4:6])


def _sex_word(word: str) -> Sex:
    match search_key(word):
        case "nam":
            return Sex.MALE
        case "nu":
            return Sex.FEMALE
    raise InvalidCccd(_l("This is not the QR code of an identity card."))
