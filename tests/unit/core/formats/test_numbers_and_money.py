from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.money import LARGEST, format_money, parse_money
from app.core.formats.numbers import AmbiguousNumber, format_decimal, parse_decimal, unambiguous

decimals = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
thousandths = st.decimals(min_value=0, max_value=10**9, places=3)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("36,5", "36.5"),
        ("36.5", "36.5"),
        (" 12 ", "12"),
        ("-1,25", "-1.25"),
        ("−3", "-3"),
        ("0.500", "0.5"),
        ("0,125", "0.125"),
        ("1234.567", "1234.567"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1.000.000,25", "1000000.25"),
    ],
)
def test_a_number_is_read_with_comma_or_point(typed: str, value: str) -> None:
    assert parse_decimal(typed) == Decimal(value)


@pytest.mark.parametrize(
    "typed", ["", "-", "a", "1e5", "1..5", "1,2,3", "1.23.456", "1,5.000", "1_000", "٣", "NaN", "9" * 30]
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue, match="Enter a number"):
        parse_decimal(typed)


@pytest.mark.parametrize(
    ("typed", "fraction", "whole", "hint"),
    [
        ("1.000", "1", "1000", "Write 1 or 1000"),
        ("1,000", "1", "1000", "Write 1 or 1000"),
        ("12,500", "12.5", "12500", "Write 12,5 or 12500"),
        ("1.234", "1.234", "1234", "Write 1,2340 or 1234"),
        ("-2.500", "-2.5", "-2500", "Write -2,5 or -2500"),
    ],
)
def test_a_number_with_two_readings_is_asked_back(typed: str, fraction: str, whole: str, hint: str) -> None:
    with pytest.raises(AmbiguousNumber, match=hint) as caught:
        parse_decimal(typed)
    assert caught.value.readings == (Decimal(fraction), Decimal(whole))


@given(decimals)
def test_a_written_number_is_read_back(value: Decimal) -> None:
    assert parse_decimal(format_decimal(value)) == value


@given(thousandths)
def test_what_is_suggested_is_never_asked_back_again(value: Decimal) -> None:
    assert parse_decimal(unambiguous(value)) == value


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_numbers(text: str) -> None:
    with suppress(InvalidValue):
        assert parse_decimal(text).is_finite()


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (Decimal("36.50"), None, "36,5"),
        (Decimal("1.0"), None, "1"),
        (Decimal("0.5"), None, "0,5"),
        (Decimal("100"), None, "100"),
        (Decimal("1E+3"), None, "1000"),
        (Decimal("-0.0"), None, "0"),
        (Decimal("22.25"), 1, "22,3"),
        (37, 1, "37,0"),
        (36.6, None, "36,6"),
    ],
)
def test_a_number_is_shown_with_a_comma(value: Decimal | int | float, places: int | None, shown: str) -> None:
    assert format_decimal(value, places) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (Decimal("1234567"), "VND", "1.234.567 ₫"),
        (Decimal("0"), "VND", "0 ₫"),
        (Decimal("-0.4"), "VND", "0 ₫"),
        (Decimal("999.5"), "VND", "1.000 ₫"),
        (Decimal("-150000"), "VND", "-150.000 ₫"),
        (1000, "VND", "1.000 ₫"),
        (Decimal("1234.5"), "USD", "1.234,50 USD"),
    ],
)
def test_money_is_shown_in_dong_without_decimals(amount: Decimal | int, currency: str, shown: str) -> None:
    assert format_money(amount, currency) == shown


@pytest.mark.parametrize(
    "typed",
    [
        "1.234.567 ₫",
        "1,234,567",
        "1 234 567đ",
        "1234567",
        "1.234.567 VND",
        "1.234.567\u00a0đồng",
        "1.234.567 vnđ",
    ],
)
def test_money_is_read_in_every_usual_form(typed: str) -> None:
    assert parse_money(typed) == Decimal("1234567")


@pytest.mark.parametrize("typed", ["", "₫", "1.5", "1.234,50", "12.34.567", "-1", "abc", "1,000.000", "9" * 13])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_money(typed)


@given(st.integers(0, int(LARGEST)))
def test_written_money_is_read_back(amount: int) -> None:
    assert parse_money(format_money(amount)) == amount
