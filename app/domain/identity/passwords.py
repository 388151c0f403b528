"""Passwords: Argon2id, and rules that ask for length instead of composition (NIST SP 800-63B, 5.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import InvalidValue, Text
from app.core.i18n import _l
from app.domain.identity.breached import fold, is_breached, is_pattern

STAFF_LENGTH = 12
PATIENT_LENGTH = 8
LONGEST = 128
NO_PASSWORD = "!"  # noqa: S105 (stands where nobody has chosen a password yet)

SHORTEST_WORD = 3
YEAR = re.compile(r"(?:19|20)\d\d")
EVERYBODYS = ("vien", "benhvien", "phongkham", "hospital", "matkhau", "password", "bacsi", "dieuduong", "admin")

_hasher = PasswordHasher()  # RFC 9106's low-memory profile is the library's default
_of_nobody = _hasher.hash("a password that nobody has")


class EasilyGuessed(InvalidValue):
    """A password that is long enough, and yet among the first that somebody would try."""

    def __init__(self, message: Text) -> None:
        super().__init__(message, field="password")


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


def check_new_password(password: str, *, shortest: int, about: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long or easily guessed; raises InvalidValue, which says why.

    `about` names what others know of the person and the hospital. (NIST SP 800-63B, 5.1.1.2; ASVS 5.0, 6.2.1 to 6.2.12)
    """
    if len(password) < shortest:
        raise InvalidValue(_l("Use at least %(count)s characters.", count=shortest), field="password")
    if len(password) > LONGEST:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST), field="password")
    if is_pattern(password):
        raise EasilyGuessed(_l("This is a repetition or a row of keys. Use a few words that do not belong together."))
    if is_breached(password):
        raise EasilyGuessed(
            _l("This password, or one very like it, is on lists of stolen passwords that attackers try first.")
        )
    if is_made_of(password, about, shortest=shortest):
        raise EasilyGuessed(
            _l("This is made of what others know: the hospital's name, your name, sign-in name, numbers or birthday.")
        )


def is_made_of(password: str, about: Iterable[str], *, shortest: int) -> bool:
    """Tell whether little is left of a password without the words that others know."""
    rest = whole = _letters(password)
    for word in sorted({*map(_letters, about), *EVERYBODYS}, key=len, reverse=True):
        if len(word) >= SHORTEST_WORD:
            rest = rest.replace(word, "")
    return rest != whole and len(YEAR.sub("", rest)) < shortest // 2


def words_in(*texts: str | None) -> list[str]:
    """Return the words of names and numbers, each alone and each text as one."""
    present = [text for text in texts if text]
    return [word for text in present for word in (text, *re.split(r"[\s.@_\-+/]+", text))]


def _letters(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalnum())
