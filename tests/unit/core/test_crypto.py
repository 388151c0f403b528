"""What is sealed opens under its key and in its place only."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.crypto import BlindIndex, CannotDecrypt, Keyring, decode_key

OLD, NEW = base64.b64encode(b"o" * 32).decode(), base64.b64encode(b"n" * 32).decode()
RING = Keyring.parse(f"new:{NEW}, old:{OLD}")


@given(st.text(), st.text())
def test_what_is_sealed_opens_in_its_place(text: str, place: str) -> None:
    assert RING.open(RING.seal(text, place), place) == text


def test_what_is_sealed_opens_nowhere_else() -> None:
    sealed = RING.seal("mật khẩu", "row 1")
    with pytest.raises(CannotDecrypt):
        RING.open(sealed, "row 2")


def test_an_altered_ciphertext_does_not_open() -> None:
    sealed = RING.seal("mật khẩu", "row")
    flipped = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(CannotDecrypt):
        RING.open(replace(sealed, ciphertext=flipped), "row")


def test_the_same_text_is_never_sealed_the_same_way() -> None:
    first, second = RING.seal("x", "row"), RING.seal("x", "row")
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


def test_the_first_key_seals_and_every_key_opens() -> None:
    earlier = Keyring.parse(f"old:{OLD}").seal("x", "row")
    assert RING.open(earlier, "row") == "x"
    assert RING.seal("x", "row").key_id == "new"


def test_a_key_that_is_not_there_opens_nothing() -> None:
    with pytest.raises(CannotDecrypt, match="no key"):
        Keyring.parse(f"old:{OLD}").open(RING.seal("x", "row"), "row")


@pytest.mark.parametrize(
    "text",
    ["", " , ", "abc", ":" + NEW, f"{NEW}:k1", "k1:%%%", "k1:Zm9v", f"k1:{NEW},k1:{OLD}", "k1:é", f"k 1:{NEW}"],
)
def test_keys_that_are_written_wrongly_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        Keyring.parse(text)
    assert NEW not in str(caught.value)


def test_a_short_key_is_refused_by_its_length() -> None:
    with pytest.raises(ValueError, match="the key has 3 bytes; it needs 32"):
        decode_key("Zm9v", "the key")


def test_a_blind_index_tells_kinds_and_keys_apart() -> None:
    index = BlindIndex(b"1" * 32)
    assert index.of("cccd", "001") == index.of("cccd", "001")
    assert index.of("cccd", "001") != index.of("phone", "001")
    assert index.of("cccd", "001") != BlindIndex(b"2" * 32).of("cccd", "001")
    assert index.of("a", "b\x00c") != index.of("a\x00b", "d")
