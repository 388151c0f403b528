from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.phones import can_receive_sms, format_phone, parse_phone


@pytest.mark.parametrize(
    ("typed", "stored", "shown"),
    [
        ("0912 345 678", "+84912345678", "0912 345 678"),
        ("0912.345.678", "+84912345678", "0912 345 678"),
        ("+84 912 345 678", "+84912345678", "0912 345 678"),
        ("84912345678", "+84912345678", "0912 345 678"),
        ("0084 912345678", "+84912345678", "0912 345 678"),
        ("028 3855 4269", "+842838554269", "028 3855 4269"),
        ("+44 20 7946 0958", "+442079460958", "+44 20 7946 0958"),
    ],
)
def test_a_number_is_stored_and_shown(typed: str, stored: str, shown: str) -> None:
    assert parse_phone(typed) == stored
    assert format_phone(stored) == shown


@pytest.mark.parametrize("typed", ["", "0", "09123", "0012", "gọi tôi", "0912 345 678 ext 5", "0912345678" * 5, "115"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue, match="0912 345 678"):
        parse_phone(typed)


def test_text_messages_reach_mobile_numbers_only() -> None:
    assert can_receive_sms("+84912345678")
    assert not can_receive_sms("+842838554269")
    assert not can_receive_sms("unknown")


def test_a_stored_number_that_is_none_is_shown_as_it_is() -> None:
    assert format_phone("unknown") == "unknown"


@given(st.sampled_from(["32", "38", "70", "79", "81", "88", "90", "91", "96", "98"]), st.integers(0, 9_999_999))
def test_a_shown_mobile_number_is_read_back(prefix: str, rest: int) -> None:
    stored = parse_phone(f"0{prefix}{rest:07d}")
    assert parse_phone(format_phone(stored)) == stored == f"+84{prefix}{rest:07d}"
