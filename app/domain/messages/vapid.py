"""The key by which push services know this installation (VAPID, RFC 8292): given, or derived once and for all."""

from __future__ import annotations

import base64
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from app.core.crypto import decode_key
from app.domain.messages.ways import present_settings

PURPOSE = b"vien web push"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
LASTS_SECONDS = 3600


def public_key() -> str:
    """Return the key that a browser subscribes with, in base64url."""
    point = _key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def authorise(origin: str) -> dict[str, str]:
    """Return the header that proves to a push service who sends."""
    claims = {"aud": origin, "exp": int(time.time()) + LASTS_SECONDS, "sub": present_settings().vapid_subject}
    signed: dict[str, str] = Vapid02(private_key=_key()).sign(claims)
    return signed


def _key() -> ec.EllipticCurvePrivateKey:
    """Take the key that was given, or derive one from the key that outlives every rotation.

    A browser's subscription is tied to this key: with another one all of them were void.
    """
    settings = present_settings()
    if settings.vapid_key:
        number = int.from_bytes(decode_key(settings.vapid_key, "VAPID_KEY"), "big")
    else:
        secret = decode_key(settings.vien_blind_index_key, "VIEN_BLIND_INDEX_KEY")
        # 16 bytes more than the order has, so that no value is likelier than another (FIPS 186-5, A.2.1).
        number = int.from_bytes(HKDF(hashes.SHA256(), length=48, salt=None, info=PURPOSE).derive(secret), "big")
    return ec.derive_private_key(number % (ORDER - 1) + 1, ec.SECP256R1())
