"""Cards that the desk scans: the QR code of the identity card or of the insurance card, read into the form's fields.

A scanner types what it reads, like a keyboard. The insurance card's code has the same separators as the identity
card's: number|name|dd/mm/yyyy|sex (1 man, 2 woman)|address|… , name and address written as hexadecimal UTF-8, as the
cards themselves show. Whether the insurance is in force only the insurer's portal can tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, parse_date
from app.core.formats.names import normalise_name, search_key
from app.core.formats.provinces import provinces
from app.core.i18n import _l
from app.domain.patients.bhyt import parse_bhyt
from app.domain.patients.cccd import QR_FIELDS, parse_cccd_qr
from app.domain.patients.models import Sex

LONGEST = 2000
BHYT_FIELDS = 5
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.IGNORECASE)
_TWELVE = re.compile(r"[0-9]{12}")
_PREFIX = re.compile(r"^(tinh|thanh pho|tp\.?)\s+")
_WARD = re.compile(r"^(phuong|xa|thi tran|dac khu|p\.|x\.)\s*")


class UnreadableCard(InvalidValue):
    """What was scanned is the code of neither card."""

    def __init__(self) -> None:
        message = _l("This is the code of neither an identity card nor an insurance card. Scan it again.")
        super().__init__(message, field="scan")


def read_card(text: str) -> dict[str, str]:
    """Return what a card says, by the names of the form's fields; raises InvalidValue for the field `scan`."""
    parts = [part.strip() for part in text[:LONGEST].strip().split("|")]
    try:
        if len(parts) >= QR_FIELDS and _TWELVE.fullmatch(parts[0]) and not _looks_hexadecimal(parts[1]):
            return _identity_card(text[:LONGEST])
        if len(parts) >= BHYT_FIELDS:
            return _insurance_card(parts)
    except InvalidValue as error:
        raise InvalidValue(error.message, field="scan") from None
    raise UnreadableCard


def _identity_card(text: str) -> dict[str, str]:
    card = parse_cccd_qr(text)
    return {
        "cccd": card.cccd.number,
        "full_name": card.full_name,
        "born_on": format_date(card.birth_date),
        "sex": card.sex.value,
        **_address(card.address or ""),
    }


def _insurance_card(parts: list[str]) -> dict[str, str]:
    number, name, born, sex, address = parts[:BHYT_FIELDS]
    full_name = normalise_name(_letters(name))
    if sex not in ("1", "2") or not full_name:
        raise UnreadableCard
    return {
        "bhyt": parse_bhyt(number).number,
        "full_name": full_name,
        "born_on": format_date(parse_date(born)),
        "sex": (Sex.MALE if sex == "1" else Sex.FEMALE).value,
        **_address(_letters(address)),
    }


def _looks_hexadecimal(text: str) -> bool:
    return len(text) > QR_FIELDS * 2 and _HEX.fullmatch(text) is not None


def _letters(text: str) -> str:
    """Return what is written as hexadecimal UTF-8; some readers have already turned it into letters."""
    if not _HEX.fullmatch(text):
        return text
    try:
        return bytes.fromhex(text).decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableCard from None


def _address(text: str) -> Mapping[str, str]:
    """Return a card's address as far as today's provinces and wards are named in it; the rest is the street."""
    parts = [part for part in (normalise_name(part) for part in text.split(",")) if part]
    known = {_PREFIX.sub("", search_key(name)): name for name in provinces().values()}
    found: dict[str, str] = {}
    if parts and (province := known.get(_PREFIX.sub("", search_key(parts[-1])))):
        found["province"] = province
        parts.pop()
    ward = next((part for part in reversed(parts) if _WARD.match(search_key(part))), None)
    if ward:
        found["ward"] = ward
        parts.remove(ward)
    return found | ({"street": ", ".join(parts)} if parts else {})
