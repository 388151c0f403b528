"""Encryption of secrets under keys that live outside the database, and blind indexes.

AES-256-GCM with a random 96-bit nonce per message (NIST SP 800-38D); the context is authenticated, so that a
ciphertext copied to another row or column does not open there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The key is unknown, the ciphertext was altered, or it belongs somewhere else."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with all that is needed to open it, except the key."""

    ciphertext: bytes
    nonce: bytes
    key_id: str


def decode_key(encoded: str, name: str) -> bytes:
    """Return a key of 256 bits that is written in base64; raises ValueError, which never quotes it."""
    try:
        key = base64.b64decode(encoded.encode(), validate=True)
    except binascii.Error:
        raise ValueError(f"{name} is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"{name} has {len(key)} bytes; it needs {KEY_BYTES}")
    return key


class Keyring:
    """The keys by id; the first one encrypts, every one decrypts."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys:
            raise ValueError("a keyring needs at least one key")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"every key needs {KEY_BYTES} bytes")
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._raw = dict(keys)
        self.active_id = next(iter(keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the active one first."""
        return tuple(self._keys)

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `id:base64,id:base64`, the active key first; raises ValueError."""
        keys: dict[str, bytes] = {}
        for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), start=1):
            key_id, separator, encoded = part.partition(":")
            # No fault quotes what stands there: written the wrong way round, the id is the key.
            if not separator or not KEY_ID.fullmatch(key_id):
                raise ValueError(f"key number {number} is not written id:base64, with an id of at most 32 letters")
            if key_id in keys:
                raise ValueError(f"key number {number} has the id of an earlier one")
            keys[key_id] = decode_key(encoded, f"key number {number}")
        return cls(keys)

    def seal(self, plaintext: str, context: str) -> Sealed:
        """Encrypt a text under the active key, tied to its context."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._keys[self.active_id].encrypt(nonce, plaintext.encode(), context.encode())
        return Sealed(ciphertext, nonce, self.active_id)

    def open(self, sealed: Sealed, context: str) -> str:
        """Decrypt a text; raises CannotDecrypt."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise CannotDecrypt(f"no key {sealed.key_id!r} in the keyring")
        try:
            return key.decrypt(sealed.nonce, sealed.ciphertext, context.encode()).decode()
        except InvalidTag as error:
            raise CannotDecrypt("the ciphertext does not belong to this key and context") from error

    def derive(self, key_id: str, salt: bytes, purpose: str) -> bytes:
        """Return a key for one purpose alone (HKDF-SHA256, RFC 5869); raises CannotDecrypt for an unknown key id."""
        key = self._raw.get(key_id)
        if key is None:
            raise CannotDecrypt(f"no key {key_id!r} in the keyring")
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=purpose.encode()).derive(key)


class BlindIndex:
    """Keyed digests that find an identifier without revealing it (HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, value: str) -> bytes:
        """Return the digest of one normalised identifier of one kind, such as `cccd`."""
        return hmac.new(self._key, f"{kind}\x00{value}".encode(), hashlib.sha256).digest()
