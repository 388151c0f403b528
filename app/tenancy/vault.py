"""Hospitals' database credentials: sealed in the central database under a key that is not in it."""

from __future__ import annotations

from app.core import clock
from app.core.crypto import Keyring, Sealed
from app.tenancy.models import HospitalDatabase


def seal_password(keyring: Keyring, database: HospitalDatabase, password: str) -> None:
    """Write a password into a row, encrypted and tied to that row."""
    sealed = keyring.seal(password, _context(database))
    database.password_ciphertext = sealed.ciphertext
    database.password_nonce = sealed.nonce
    database.password_key_id = sealed.key_id
    database.rotated_at = clock.now()


def open_password(keyring: Keyring, database: HospitalDatabase) -> str:
    """Return a row's password; raises CannotDecrypt."""
    sealed = Sealed(database.password_ciphertext, database.password_nonce, database.password_key_id)
    return keyring.open(sealed, _context(database))


def _context(database: HospitalDatabase) -> str:
    return f"hospital_databases:{database.hospital_id}:{database.login_role}"
