from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.domain.patients.bhyt import Bhyt, BhytFormat, format_bhyt, parse_bhyt


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("079184000123", Bhyt("079184000123", BhytFormat.CCCD)),
        ("7912345678", Bhyt("7912345678", BhytFormat.SOCIAL_INSURANCE, "7912345678")),
        ("GD4797912345678", Bhyt("GD4797912345678", BhytFormat.CARD, "7912345678", "GD", 4, "79")),
        ("gd-4-79-7912345678", Bhyt("GD4797912345678", BhytFormat.CARD, "7912345678", "GD", 4, "79")),
        ("TE 1 01 0123456789", Bhyt("TE1010123456789", BhytFormat.CARD, "0123456789", "TE", 1, "01")),
    ],
)
def test_three_formats_are_valid_side_by_side(typed: str, expected: Bhyt) -> None:
    assert parse_bhyt(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "123",
        "GD479791234567",
        "GD47979123456789",
        "GD0797912345678",
        "GD6797912345678",
        "GD4007912345678",
        "G14797912345678",
        "ĐD4797912345678",
        "003184000123",
        "12345678901",
    ],
)
def test_any_other_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_bhyt(typed)


@pytest.mark.parametrize(("level", "percent"), [(1, 100), (2, 100), (3, 95), (4, 80), (5, 100)])
def test_the_third_character_promises_a_share_of_the_costs(level: int, percent: int) -> None:
    assert parse_bhyt(f"DN{level}797912345678").benefit_percent == percent


def test_only_the_card_promises_a_share() -> None:
    assert parse_bhyt("7912345678").benefit_percent is None


@given(st.from_regex(r"[A-Z]{2}[1-5](0[1-9]|[1-9][0-9])[0-9]{10}", fullmatch=True))
def test_a_shown_number_is_read_back(number: str) -> None:
    bhyt = parse_bhyt(number)
    assert parse_bhyt(format_bhyt(bhyt)) == bhyt
