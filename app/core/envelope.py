"""Encrypting streams of any length: AES-256-GCM in chunks, none of which can be altered, left out, or put elsewhere.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015): a nonce is a counter and whether the chunk is the last one, under a key
that is derived (HKDF-SHA256) for this stream alone. So a stream that was cut short does not pass for a whole one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.crypto import CannotDecrypt, Keyring

MAGIC = b"VIENENC1"
SALT_BYTES = 32
CHUNK = 1024 * 1024
TAG = 16
NONCE = struct.Struct(">7xIB")


class Reads(Protocol):
    """Something that bytes can be read from."""

    def read(self, size: int = ..., /) -> bytes: ...


class Writes(Protocol):
    """Something that bytes can be written to."""

    def write(self, data: bytes, /) -> Any: ...


class EncryptingWriter:
    """Writes an encrypted stream into a sink; only `close` makes it whole."""

    def __init__(self, sink: Writes, keyring: Keyring, context: str) -> None:
        salt = os.urandom(SALT_BYTES)
        self.key_id = keyring.active_id
        self._header = _header(self.key_id, salt)
        self._cipher = AESGCM(keyring.derive(self.key_id, salt, context))
        self._sink = sink
        self._waiting = bytearray()
        self._number = 0
        sink.write(self._header)

    def write(self, data: bytes) -> int:
        """Take bytes; a chunk is written as soon as it is known not to be the last one."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def flush(self) -> None:
        """Nothing can be written before its chunk is full."""

    def close(self) -> None:
        """Write the last chunk, which says that it is."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._sink.write(self._cipher.encrypt(NONCE.pack(self._number, last), chunk, self._header))
        self._number += 1


class DecryptingReader:
    """Reads an encrypted stream; every byte it gives was authenticated. Its end is the stream's true end."""

    def __init__(self, source: Reads, keyring: Keyring, context: str) -> None:
        self._source = source
        header, self.key_id, salt = _read_header(source)
        self._header = header
        self._cipher = AESGCM(keyring.derive(self.key_id, salt, context))
        self._ahead = _read_fully(source, CHUNK + TAG)
        self._number = 0
        self._open = bytearray()
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, b"" at the end; raises CannotDecrypt where anything was altered or is missing."""
        while not self._ended and (size < 0 or len(self._open) < size):
            self._next()
        given = bytes(self._open if size < 0 else self._open[:size])
        del self._open[: len(given)]
        return given

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(CHUNK):
            yield piece

    def _next(self) -> None:
        chunk, self._ahead = self._ahead, _read_fully(self._source, CHUNK + TAG)
        last = not self._ahead
        try:
            self._open += self._cipher.decrypt(NONCE.pack(self._number, last), chunk, self._header)
        except InvalidTag as error:
            raise CannotDecrypt("a part was altered or is missing, or the key is another one") from error
        self._number += 1
        self._ended = last


def key_id_of(source: Reads) -> str:
    """Return the id of the key that a stream needs; raises CannotDecrypt where it is no stream of ours."""
    return _read_header(source)[1]


def _header(key_id: str, salt: bytes) -> bytes:
    name = key_id.encode()
    return MAGIC + bytes([len(name)]) + name + salt


def _read_header(source: Reads) -> tuple[bytes, str, bytes]:
    head = _read_fully(source, len(MAGIC) + 1)
    if len(head) != len(MAGIC) + 1 or not head.startswith(MAGIC):
        raise CannotDecrypt("this is no encrypted stream of ours")
    length = head[-1]
    rest = _read_fully(source, length + SALT_BYTES)
    if len(rest) != length + SALT_BYTES:
        raise CannotDecrypt("the stream ends in its header")
    try:
        key_id = rest[:length].decode("ascii")
    except UnicodeDecodeError as error:
        raise CannotDecrypt("this is no encrypted stream of ours") from error
    return head + rest, key_id, rest[length:]


def _read_fully(source: Reads, size: int) -> bytes:
    pieces, missing = [], size
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
