"""Telephone numbers: stored in E.164, shown as people in Vietnam write them.

Numbering plans are those of Google's libphonenumber (Apache 2.0), as packed by phonenumberslite.
"""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from app.core.errors import InvalidValue
from app.core.i18n import _l

HOME_REGION = "VN"
LONGEST = 40

_MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def parse_phone(text: str) -> str:
    """Read a telephone number, Vietnamese unless it begins with +, and return it as +84…"""
    try:
        number = phonenumbers.parse(text.strip()[: LONGEST + 1], HOME_REGION)
    except NumberParseException:
        raise _invalid() from None
    if len(text.strip()) > LONGEST or number.extension or not phonenumbers.is_valid_number(number):
        raise _invalid()
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def format_phone(stored: str) -> str:
    """Show a stored number: 0912 345 678, or +44 20 7946 0958 for one from abroad."""
    try:
        number = phonenumbers.parse(stored, None)
    except NumberParseException:
        return stored
    at_home = number.country_code == phonenumbers.country_code_for_region(HOME_REGION)
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def can_receive_sms(stored: str) -> bool:
    """Tell whether a stored number is one that text messages reach."""
    try:
        number = phonenumbers.parse(stored, None)
    except NumberParseException:
        return False
    return phonenumbers.number_type(number) in _MOBILE


def _invalid() -> InvalidValue:
    return InvalidValue(_l("Enter a telephone number, for example 0912 345 678."))
