"""Time-based one-time passwords (RFC 6238), each accepted once."""

from __future__ import annotations

import pyotp

from app.core import clock
from app.core.crypto import Keyring, Sealed
from app.core.sealed import declare_sealed
from app.domain.identity.accounts import Account
from app.domain.identity.models import PatientUser, StaffUser
from app.tenancy.models import PlatformUser

INTERVAL_SECONDS = 30


def enrol(keyring: Keyring, account: Account, secret: str) -> None:
    """Give an account its second factor."""
    sealed = keyring.seal(secret, _context(account))
    account.totp_ciphertext, account.totp_nonce, account.totp_key_id = (
        sealed.ciphertext,
        sealed.nonce,
        sealed.key_id,
    )


def is_enrolled(account: Account) -> bool:
    """Tell whether an account has a second factor."""
    return account.totp_ciphertext is not None


def accept_code(keyring: Keyring, account: Account, code: str) -> bool:
    """Tell whether a code is right now, one step early or late, and was not used before; use it up."""
    secret = keyring.open(_sealed(account), _context(account))
    totp = pyotp.TOTP(secret, interval=INTERVAL_SECONDS)
    step = int(clock.now().timestamp()) // INTERVAL_SECONDS
    for candidate in (step, step - 1, step + 1):
        if account.totp_last_step is not None and candidate <= account.totp_last_step:
            continue
        if totp.verify(code.replace(" ", ""), for_time=candidate * INTERVAL_SECONDS):
            account.totp_last_step = candidate
            return True
    return False


def _sealed(account: Account) -> Sealed:
    if account.totp_ciphertext is None or account.totp_nonce is None or account.totp_key_id is None:
        raise ValueError("the account has no second factor")
    return Sealed(account.totp_ciphertext, account.totp_nonce, account.totp_key_id)


def _context(account: Account) -> str:
    return f"totp:{account.id}"


for model in (PlatformUser, StaffUser, PatientUser):
    declare_sealed(model, "totp", _context)
