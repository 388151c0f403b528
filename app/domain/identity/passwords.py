"""Passwords: Argon2id, and rules that ask for length instead of composition (NIST SP 800-63B, 5.1.1)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import InvalidValue
from app.core.i18n import _l

STAFF_LENGTH = 12
PATIENT_LENGTH = 8
LONGEST = 128
NO_PASSWORD = "!"  # noqa: S105 (stands where nobody has chosen a password yet)

_hasher = PasswordHasher()  # RFC 9106's low-memory profile is the library's default
_of_nobody = _hasher.hash("a password that nobody has")


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, salt included."""
    return _hasher.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Tell whether a password belongs to a hash; takes as long where there is none, or none was chosen yet."""
    if stored == NO_PASSWORD:
        stored = None
    try:
        return _hasher.verify(stored or _of_nobody, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def check_new_password(password: str, *, shortest: int) -> None:
    """Refuse a password that is too short or too long; raises InvalidValue."""
    if len(password) < shortest:
        raise InvalidValue(_l("Use at least %(count)s characters.", count=shortest), field="password")
    if len(password) > LONGEST:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST), field="password")
