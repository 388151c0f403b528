"""An encrypted stream is read whole and unaltered, or not at all."""

from __future__ import annotations

import io
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.crypto import CannotDecrypt, Keyring
from app.core.envelope import CHUNK, TAG, DecryptingReader, EncryptingWriter

KEYS = Keyring({"b1": b"1" * 32, "b0": b"0" * 32})
HEADER = 8 + 1 + 2 + 32


def sealed(content: bytes, context: str = "here", piece: int = 70_001) -> bytes:
    sink = io.BytesIO()
    writer = EncryptingWriter(sink, KEYS, context)
    for start in range(0, len(content), piece):
        writer.write(content[start : start + piece])
    writer.close()
    return sink.getvalue()


def opened(text: bytes, context: str = "here", keyring: Keyring = KEYS) -> bytes:
    return b"".join(DecryptingReader(io.BytesIO(text), keyring, context))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])
def test_what_was_written_is_read(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_it_does_not_matter_in_which_pieces(content: bytes, piece: int) -> None:
    reader = DecryptingReader(io.BytesIO(sealed(content, piece=piece)), KEYS, "here")
    found = b""
    while part := reader.read(piece):
        assert len(part) <= piece
        found += part
    assert found == content


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_byte_can_be_altered(data: st.DataObject) -> None:
    text = bytearray(TWO_CHUNKS)
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotDecrypt):
        opened(bytes(text))


@pytest.mark.parametrize("left", [0, 5, HEADER - 1, HEADER, HEADER + 1, HEADER + CHUNK + TAG, -1, -TAG])
def test_a_stream_that_was_cut_short_does_not_pass(left: int) -> None:
    with pytest.raises(CannotDecrypt):
        opened(TWO_CHUNKS[:left])


def test_chunks_cannot_change_places_or_be_doubled_or_followed() -> None:
    text = sealed(random.Random(5).randbytes(3 * CHUNK))
    whole = CHUNK + TAG
    head, first, second, rest = (
        text[:HEADER],
        text[HEADER : HEADER + whole],
        text[HEADER + whole : HEADER + 2 * whole],
        text[HEADER + 2 * whole :],
    )
    assert opened(head + first + second + rest)
    for wrong in (
        head + second + first + rest,
        head + first + first + second + rest,
        head + first + rest,
        text + b"x",
        text + rest,
    ):
        with pytest.raises(CannotDecrypt):
            opened(wrong)


def test_a_stream_belongs_to_its_key_and_its_place() -> None:
    with pytest.raises(CannotDecrypt):
        opened(TWO_CHUNKS, context="elsewhere")
    with pytest.raises(CannotDecrypt, match="no key"):
        opened(TWO_CHUNKS, keyring=Keyring({"x": b"1" * 32}))
    with pytest.raises(CannotDecrypt):
        opened(TWO_CHUNKS, keyring=Keyring({"b1": b"2" * 32}))
    assert opened(TWO_CHUNKS, keyring=Keyring({"new": b"3" * 32, "b1": b"1" * 32}))


TWO_CHUNKS = sealed(random.Random(7).randbytes(CHUNK + 1000))
