"""The read replica that a hospital's database may have: its address, sealed in the central database."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from app.core.crypto import Keyring, Sealed
from app.tenancy.models import HospitalDatabase
from app.tenancy.vault import replica_context


@dataclass(frozen=True, slots=True)
class ReplicaAddress:
    """Where a streaming replica answers. It has the primary's roles and passwords, because it is a copy of it."""

    host: str
    port: int
    tls_mode: str


def seal_replica(keyring: Keyring, database: HospitalDatabase, address: ReplicaAddress | None) -> None:
    """Write a replica's address into a row, encrypted and tied to that row; None takes it out."""
    if address is None:
        database.replica_ciphertext = database.replica_nonce = database.replica_key_id = None
        return
    sealed = keyring.seal(json.dumps(asdict(address), sort_keys=True), replica_context(database))
    database.replica_ciphertext = sealed.ciphertext
    database.replica_nonce = sealed.nonce
    database.replica_key_id = sealed.key_id


def open_replica(keyring: Keyring, database: HospitalDatabase) -> ReplicaAddress | None:
    """Return the address of a row's replica, or None; raises CannotDecrypt."""
    ciphertext, nonce, key_id = database.replica_ciphertext, database.replica_nonce, database.replica_key_id
    if ciphertext is None or nonce is None or key_id is None:
        return None
    return ReplicaAddress(**json.loads(keyring.open(Sealed(ciphertext, nonce, key_id), replica_context(database))))
