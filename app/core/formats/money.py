"""Amounts of money: đồng without decimals, grouped by points, the same in both languages.

Amounts fit numeric(14,2). What is charged, and how it is rounded on an invoice, belongs to billing.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from app.core.errors import InvalidValue
from app.core.i18n import _l

VND = "VND"
LARGEST = Decimal("999999999999.99")

_WITHOUT_CENTS = frozenset({VND, "JPY", "KRW"})
_UNIT = re.compile(r"(?:₫|đ|Đ|đồng|vnđ|vnd)\.?$", re.IGNORECASE)
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,\s])[0-9]{3}(?:\1[0-9]{3})*)?|[0-9]+")


def format_money(amount: Decimal | int, currency: str = VND) -> str:
    """Write an amount as 1.234.567 ₫; other currencies keep two decimals and their code: 1.234,50 USD."""
    places = 0 if currency in _WITHOUT_CENTS else 2
    rounded = Decimal(amount).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    if rounded == 0:
        rounded = abs(rounded)
    text = f"{rounded:,f}".translate(str.maketrans(",.", ".,"))
    return f"{text} {'₫' if currency == VND else currency}"


def parse_money(text: str) -> Decimal:
    """Read an amount of đồng: 1.234.567 ₫, 1,234,567, 1 234 567đ or 1234567.

    A đồng has no fraction, so that 1.000 is a thousand here and nothing is ambiguous.
    """
    typed = _UNIT.sub("", text.strip().replace("\u00a0", " ")).strip()
    if not _GROUPED.fullmatch(typed):
        raise InvalidValue(_l("Enter an amount in đồng without decimals, for example 150.000."))
    amount = Decimal(re.sub(r"[.,\s]", "", typed))
    if amount > LARGEST:
        raise InvalidValue(_l("This amount is too large."))
    return amount
