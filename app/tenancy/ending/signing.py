"""The platform's signature: Ed25519 (RFC 8032) over canonical JSON; anybody with the public key can check it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app

from app.config import Settings
from app.core.crypto import decode_key

PURPOSE = b"vien deletion certificate, Ed25519, 1"


def sign(document: dict[str, Any]) -> str:
    """Return the signature of a document, in base64."""
    return base64.b64encode(_key().sign(canonical(document))).decode()


def is_genuine(document: dict[str, Any], signature: str) -> bool:
    """Tell whether this platform has signed exactly this document. A key that a document names itself is not asked."""
    try:
        _key().public_key().verify(base64.b64decode(signature, validate=True), canonical(document))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def public_key() -> str:
    """Return the key with which others check signatures, in base64."""
    return base64.b64encode(_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def canonical(document: dict[str, Any]) -> bytes:
    """Return the one form of a document that is signed: sorted names, no blanks, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _key() -> Ed25519PrivateKey:
    """Take the key that was given, or derive one from the key that outlives every rotation."""
    settings: Settings = current_app.extensions["settings"]
    if settings.vien_signing_key:
        return Ed25519PrivateKey.from_private_bytes(decode_key(settings.vien_signing_key, "VIEN_SIGNING_KEY"))
    secret = decode_key(settings.vien_blind_index_key, "VIEN_BLIND_INDEX_KEY")
    seed = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=PURPOSE).derive(secret)
    return Ed25519PrivateKey.from_private_bytes(seed)
