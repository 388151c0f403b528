"""What must hold of a patient's data, how allergies are written, and what a searched text may mean. No database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date

from app.core.errors import InvalidValue
from app.core.formats.names import normalise_name, search_key
from app.core.formats.phones import parse_phone
from app.core.i18n import _l
from app.domain.patients.bhyt import parse_bhyt
from app.domain.patients.cccd import parse_cccd
from app.domain.patients.models import AllergyState, Sex

LONGEST_NAME = 200
LONGEST_QUERY = 100
MOST_ALLERGIES = 20
MOST_WORDS = 6

_SEPARATORS = re.compile(r"[\s.\-+()]")
_CODE = re.compile(r"bn[\s-]*([0-9]{1,12})", re.IGNORECASE)
_CARD = re.compile(r"[A-Za-z]{2}[0-9]{13}")
_PART_OF_CARD = re.compile(r"[A-Za-z]{2}[0-9]{3,12}")
SHORTEST_PART, LONGEST_PART = 4, 15


@dataclass(frozen=True, slots=True)
class Allergy:
    """What must not be given, and what happened when it was."""

    substance: str
    reaction: str | None = None

    def __str__(self) -> str:
        return f"{self.substance}: {self.reaction}" if self.reaction else self.substance


@dataclass(frozen=True, slots=True)
class PatientDetails:
    """Everything that the desk writes down of a patient."""

    full_name: str
    born_on: date
    sex: Sex
    cccd: str | None = None
    bhyt: str | None = None
    phone: str | None = None
    email: str | None = None
    province: str | None = None
    ward: str | None = None
    street: str | None = None
    allergy_state: AllergyState = AllergyState.NOT_RECORDED
    allergies: tuple[Allergy, ...] = ()


def check_details(details: PatientDetails, today: date) -> PatientDetails:
    """Return the details in the form in which they are kept; raises InvalidValue naming the first wrong field."""
    full_name = check_full_name(details.full_name)
    check_born_on(details.born_on, today)
    cccd = parse_cccd(details.cccd, sex=details.sex, birth_date=details.born_on).number if details.cccd else None
    check_allergies(details.allergy_state, details.allergies)
    return replace(
        details,
        full_name=full_name,
        cccd=cccd,
        bhyt=parse_bhyt(details.bhyt).number if details.bhyt else None,
        phone=parse_phone(details.phone) if details.phone else None,
        email=(details.email or "").strip() or None,
    )


def check_full_name(text: str) -> str:
    """Return a name composed and single-spaced; refuses an empty, over-long or letterless one."""
    name = normalise_name(text)
    if not name or not any(letter.isalpha() for letter in name):
        raise InvalidValue(_l("Enter the patient's full name."), field="full_name")
    if len(name) > LONGEST_NAME:
        raise InvalidValue(_l("A name has at most %(most)s characters.", most=LONGEST_NAME), field="full_name")
    return name


def check_born_on(born_on: date, today: date) -> None:
    """Refuse a birth that is still to come."""
    if born_on > today:
        raise InvalidValue(_l("The date of birth is in the future."), field="born_on")


def check_allergies(state: AllergyState, allergies: tuple[Allergy, ...]) -> None:
    """Refuse allergies without the state that says so, and that state without any."""
    if state is AllergyState.KNOWN and not allergies:
        raise InvalidValue(_l("Write down what the patient is allergic to, one per line."), field="allergies")
    if state is not AllergyState.KNOWN and allergies:
        raise InvalidValue(
            _l("Allergies are written below: choose “Has allergies”, or empty the list."), field="allergy_state"
        )
    if len(allergies) > MOST_ALLERGIES:
        raise InvalidValue(_l("Write at most %(most)s allergies.", most=MOST_ALLERGIES), field="allergies")


def parse_allergies(text: str) -> tuple[Allergy, ...]:
    """Read allergies, one per line, each `substance` or `substance: reaction`; a repeated substance counts once."""
    found: dict[str, Allergy] = {}
    for line in text.splitlines():
        substance, _colon, reaction = (normalise_name(part)[:200] for part in line.partition(":"))
        if substance:
            found.setdefault(search_key(substance), Allergy(substance, reaction or None))
    return tuple(found.values())


def write_allergies(allergies: tuple[Allergy, ...]) -> str:
    """Write allergies as they are typed, one per line."""
    return "\n".join(str(entry) for entry in allergies)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a searched text may mean: any of these exact numbers, or else parts of a name."""

    code: str | None = None
    cccd: str | None = None
    bhyt: str | None = None
    phone: str | None = None
    name: str = ""
    number: str = field(default="", compare=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """What a number may have anywhere; a telephone is kept without the zero with which people begin it."""
        if not SHORTEST_PART <= len(self.number) <= LONGEST_PART:
            return ()
        return (self.number, "+84" + self.number[1:]) if self.number.startswith("0") else (self.number,)

    @property
    def words(self) -> tuple[str, ...]:
        """The parts of the name, unaccented and in lower case."""
        return tuple(dict.fromkeys(self.name.split()))[:MOST_WORDS]

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be looked for: no number, and no two letters of a name."""
        return not any((self.code, self.cccd, self.bhyt, self.phone, self.parts)) and len(self.name) < 2


def read_query(text: str) -> Sought:
    """Tell what a searched text may mean: a code, CCCD, insurance number or phone in any form, else a name."""
    typed = normalise_name(text[:LONGEST_QUERY])
    if match := _CODE.fullmatch(typed):
        return Sought(code=_code(match[1]))
    compact = _SEPARATORS.sub("", typed)
    if _CARD.fullmatch(compact):
        return Sought(bhyt=compact.upper())
    if _PART_OF_CARD.fullmatch(compact):
        return Sought(number=compact.upper())
    if not compact.isdecimal() or not compact.isascii():
        return Sought(name=search_key(typed))
    return Sought(
        code=_code(compact) if len(compact) <= 8 else None,
        cccd=compact if len(compact) == 12 else None,
        bhyt=compact if len(compact) in (10, 12) else None,
        phone=_phone(typed),
        number=compact,
    )


def _code(digits: str) -> str:
    return f"BN-{int(digits):06d}"


def _phone(typed: str) -> str | None:
    try:
        return parse_phone(typed)
    except InvalidValue:
        return None
