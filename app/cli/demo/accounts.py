"""The demo accounts: their passwords and second factors, and the file that says them.

They are derived from the installation's own secret key: the same at every start, and worth nothing anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import pyotp

from app.cli.demo.cast import HOSPITALS, OPERATORS
from app.core import clock
from app.domain.identity.passwords import hash_password

_CONSONANTS, _VOWELS = "bcdghklmnprstv", "aeiou"
_SYLLABLES = 8


@dataclass(frozen=True, slots=True)
class Account:
    """How somebody signs in to the demo; `hospital` is None for operators."""

    portal: str
    hospital: str | None
    role: str
    username: str
    password: str
    totp_secret: str | None = None


class DemoSecrets:
    """Passwords and second factors of one installation's demo."""

    def __init__(self, secret_key: str) -> None:
        self._key = secret_key.encode()
        self.hash = cache(hash_password)  # a hash costs a tenth of a second, and many share a password

    @property
    def staff_password(self) -> str:
        """The password of every operator and every member of staff."""
        return self._password("staff")

    @property
    def patient_password(self) -> str:
        """The password of every patient's account."""
        return self._password("patients")

    def totp_secret(self, owner: str) -> str:
        """Return the secret of one person's second factor."""
        return base64.b32encode(self._digest(f"totp:{owner}")[:20]).decode()

    def _password(self, purpose: str) -> str:
        digest = self._digest(f"password:{purpose}")
        pairs = zip(digest[:_SYLLABLES], digest[_SYLLABLES:], strict=False)
        syllables = [_CONSONANTS[a % len(_CONSONANTS)] + _VOWELS[b % len(_VOWELS)] for a, b in pairs]
        return "-".join("".join(syllables[start : start + 2]) for start in range(0, _SYLLABLES, 2))

    def _digest(self, purpose: str) -> bytes:
        return hmac.new(self._key, f"demo:{purpose}".encode(), hashlib.sha256).digest()


def list_accounts(secrets: DemoSecrets) -> list[Account]:
    """Return the accounts that are shown to whoever runs the demo."""
    return [*_operators(secrets), *_staff(secrets), *_patients(secrets)]


def write_demo_json(path: Path, base_url: str, accounts: Sequence[Account]) -> None:
    """Write addresses and accounts where only the owner of the installation reads them."""
    content = {
        "base_url": base_url,
        "hospitals": [{"code": h.code, "name": h.name, **hospital_urls(base_url, h.code)} for h in HOSPITALS],
        "accounts": [asdict(account) for account in accounts],
    }
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
    half.replace(path)


def hospital_urls(base_url: str, code: str) -> dict[str, str]:
    """Return the addresses of a hospital's two portals."""
    return {f"{portal}_url": f"{base_url}/h/{code}/{portal}/" for portal in ("hospital", "patient")}


def current_codes(path: Path) -> list[tuple[str, str]]:
    """Return each account of a demo file that has a second factor, and the code that is right now."""
    accounts = [Account(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["accounts"]]
    return [
        (f"{account.username} ({account.role}, {account.hospital or 'admin'})", _code(account.totp_secret))
        for account in accounts
        if account.totp_secret
    ]


def _code(secret: str) -> str:
    return pyotp.TOTP(secret).at(clock.now())


def _operators(secrets: DemoSecrets) -> Iterable[Account]:
    for person in OPERATORS:
        secret = secrets.totp_secret(person.username)
        yield Account("admin", None, person.role.value, person.username, secrets.staff_password, secret)


def _staff(secrets: DemoSecrets) -> Iterable[Account]:
    for hospital in HOSPITALS:
        for person in hospital.staff:
            if person.listed:
                secret = secrets.totp_secret(f"{hospital.code}/{person.username}")
                yield Account("hospital", hospital.code, person.role, person.username, secrets.staff_password, secret)


def _patients(secrets: DemoSecrets) -> Iterable[Account]:
    for hospital in HOSPITALS:
        for person in hospital.patients:
            yield Account("patient", hospital.code, "patient", person.cccd, secrets.patient_password)
