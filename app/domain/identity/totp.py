"""Time-based one-time passwords (RFC 6238) under a secret of 160 bits (RFC 4226, 4), each accepted once."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import pyotp
import sqlalchemy as sa

from app.core import clock
from app.core.crypto import Keyring, Sealed
from app.core.db import db
from app.core.sealed import declare_sealed
from app.domain.identity.accounts import Account
from app.domain.identity.models import PatientUser, StaffUser
from app.tenancy.models import PlatformUser

INTERVAL_SECONDS = 30
SECRET_BYTES = 20


def new_secret() -> str:
    """Return a random secret as authenticator apps take it."""
    return pyotp.random_base32(SECRET_BYTES * 8 // 5)


def enrol(keyring: Keyring, account: Account, secret: str) -> None:
    """Give an account its authenticator app; raises ValueError for a secret that is no base32 or under 160 bits."""
    try:
        raw = base64.b32decode(secret)
    except binascii.Error:
        raise ValueError("the secret is not base32") from None
    if len(raw) < SECRET_BYTES:
        raise ValueError(f"the secret has {len(raw)} bytes; it needs {SECRET_BYTES}")
    sealed = keyring.seal(secret, _context(account))
    account.totp_ciphertext, account.totp_nonce, account.totp_key_id = (
        sealed.ciphertext,
        sealed.nonce,
        sealed.key_id,
    )
    account.totp_last_step = None


def remove(account: Account) -> None:
    """Take an account's authenticator app away."""
    account.totp_ciphertext = account.totp_nonce = account.totp_key_id = account.totp_last_step = None


def is_enrolled(account: Account) -> bool:
    """Tell whether an account has an authenticator app."""
    return account.totp_ciphertext is not None


def matching_step(secret: str, code: str) -> int | None:
    """Return the step to which a code belongs, now, one early or one late; None where it belongs to none of them."""
    totp = pyotp.TOTP(secret, interval=INTERVAL_SECONDS)
    step = int(clock.now().timestamp()) // INTERVAL_SECONDS
    typed = code.replace(" ", "")
    fitting = [at for at in (step, step - 1, step + 1) if totp.verify(typed, for_time=at * INTERVAL_SECONDS)]
    return fitting[0] if fitting else None


def accept_code(keyring: Keyring, account: Account, code: str) -> bool:
    """Tell whether a code is right now and newer than the last one used; use it up, though two send it at once."""
    step = matching_step(keyring.open(_sealed(account), _context(account)), code)
    if step is None:
        return False
    kind: Any = type(account)
    used = (
        sa.update(kind)
        .where(kind.id == account.id, sa.or_(kind.totp_last_step.is_(None), kind.totp_last_step < step))
        .values(totp_last_step=step)
        .returning(kind.id)
    )
    return db.session.scalar(used) is not None


def provisioning_uri(secret: str, *, username: str, issuer: str) -> str:
    """Return what the QR code says: whose account it is, where, and the secret."""
    return pyotp.TOTP(secret, interval=INTERVAL_SECONDS).provisioning_uri(name=username, issuer_name=issuer)


def _sealed(account: Account) -> Sealed:
    if account.totp_ciphertext is None or account.totp_nonce is None or account.totp_key_id is None:
        raise ValueError("the account has no authenticator app")
    return Sealed(account.totp_ciphertext, account.totp_nonce, account.totp_key_id)


def _context(account: Account) -> str:
    return f"totp:{account.id}"


for model in (PlatformUser, StaffUser, PatientUser):
    declare_sealed(model, "totp", _context)
