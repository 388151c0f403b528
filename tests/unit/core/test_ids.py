"""Identifiers sort by time, tokens cannot be guessed, and what is no id is None."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import hash_token, new_id, new_token, parse_id


def test_ids_are_version_7_and_sort_as_they_were_made() -> None:
    made = [new_id() for _ in range(1_000)]
    assert {entry.version for entry in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_a_token_has_256_bits_and_its_digest_says_nothing_of_it() -> None:
    token = new_token()
    assert len(token) >= 43
    assert len({new_token() for _ in range(100)}) == 100
    assert len(hash_token(token)) == 32
    assert token.encode() not in hash_token(token)


def test_an_id_is_read_back() -> None:
    made = new_id()
    assert parse_id(str(made)) == made


@pytest.mark.parametrize("text", ["", "-", "1", "x" * 32, "../../etc", "018f-", "é" * 32])
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse_id(text) is None


@given(st.text())
def test_reading_an_id_never_fails(text: str) -> None:
    assert parse_id(text) is None or isinstance(parse_id(text), UUID)
