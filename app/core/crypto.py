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
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The key is unknown, the ciphertext was altered, or it belongs somewhere else."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with all that is needed to open it, except the key."""

    ciphertext: bytes
    nonce: bytes
    key_id: str


class Keyring:
    """The keys by id; the first one encrypts, every one decrypts."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys:
            raise ValueError("a keyring needs at least one key")
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id!r} has {len(key)} bytes; it needs {KEY_BYTES}")
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.active_id = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `id:base64,id:base64`, the active key first; raises ValueError."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            key_id, separator, encoded = part.partition(":")
            if not separator or not key_id:
                raise ValueError("each key is written id:base64")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise ValueError(f"key {key_id!r} is not base64") from error
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


class BlindIndex:
    """Keyed digests that find an identifier without revealing it (HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, value: str) -> bytes:
        """Return the digest of one normalised identifier of one kind, such as `cccd`."""
        return hmac.new(self._key, f"{kind}\x00{value}".encode(), hashlib.sha256).digest()
