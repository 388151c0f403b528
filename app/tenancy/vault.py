"""Hospitals' database credentials: sealed in the central database under a key that is not in it."""

from __future__ import annotations

from typing import Any

from app.core import clock
from app.core.crypto import Keyring, Sealed
from app.core.sealed import declare_sealed
from app.tenancy.models import HospitalDatabase, RetiredDatabase


def seal_password(keyring: Keyring, database: HospitalDatabase, password: str) -> None:
    """Write a password into a row, encrypted and tied to that row."""
    sealed = keyring.seal(password, password_context(database))
    database.password_ciphertext = sealed.ciphertext
    database.password_nonce = sealed.nonce
    database.password_key_id = sealed.key_id
    database.rotated_at = clock.now()


def open_password(keyring: Keyring, database: HospitalDatabase) -> str:
    """Return a row's password; raises CannotDecrypt."""
    sealed = Sealed(database.password_ciphertext, database.password_nonce, database.password_key_id)
    return keyring.open(sealed, password_context(database))


def password_context(row: Any) -> str:
    """Say to what a password is tied: a database that is set aside takes its sealed password along."""
    return f"hospital_databases:{row.hospital_id}:{row.login_role}"


def replica_context(row: Any) -> str:
    """Say to what a read replica's address is tied."""
    return f"hospital_databases:{row.hospital_id}:replica"


declare_sealed(HospitalDatabase, "password", password_context)
declare_sealed(HospitalDatabase, "replica", replica_context)
declare_sealed(RetiredDatabase, "password", password_context)
