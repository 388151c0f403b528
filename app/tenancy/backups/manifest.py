"""The manifest of a backup: what is in it, with counts and checksums, and who can vouch for that."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.crypto import CannotDecrypt, Keyring
from app.tenancy.backups.errors import BackupDamaged, NotABackup, WrongBackupKey

FORMAT = 1
PURPOSE = "backup manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts of one backup. `rows` counts every table, partitions by themselves; `files` are size by digest."""

    backup_id: UUID
    hospital_id: UUID
    code: str
    name: str
    reason: str
    revision: str
    server_version: int
    tools: dict[str, str]
    started_at: datetime
    finished_at: datetime
    rows: dict[str, int]
    plain_bytes: int
    size_bytes: int
    checksum: str
    key_id: str
    files: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    def as_json(self) -> dict[str, Any]:
        """Return the facts as they are written."""
        facts = asdict(self)
        for name in ("backup_id", "hospital_id"):
            facts[name] = str(facts[name])
        for name in ("started_at", "finished_at"):
            facts[name] = facts[name].isoformat()
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Manifest:
        """Read the facts; raises BackupDamaged where they are not those of a manifest."""
        try:
            read = dict(facts)
            for name in ("backup_id", "hospital_id"):
                read[name] = UUID(read[name])
            for name in ("started_at", "finished_at"):
                read[name] = datetime.fromisoformat(read[name])
            return cls(**read)
        except (KeyError, TypeError, ValueError) as error:
            raise BackupDamaged from error


def sign(manifest: Manifest, keyring: Keyring) -> bytes:
    """Write a manifest with its proof, under the key that the backup is encrypted with."""
    body = json.dumps(manifest.as_json(), sort_keys=True, ensure_ascii=False)
    outer = {"key_id": manifest.key_id, "manifest": body, "mac": _mac(keyring, manifest.key_id, body)}
    return json.dumps(outer, ensure_ascii=False, indent=1).encode()


def verify(text: bytes, keyring: Keyring) -> Manifest:
    """Read a signed manifest; raises NotABackup, WrongBackupKey or BackupDamaged."""
    try:
        outer = json.loads(text)
        key_id, body, mac = str(outer["key_id"]), str(outer["manifest"]), str(outer["mac"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotABackup from error
    try:
        expected = _mac(keyring, key_id, body)
    except CannotDecrypt:
        raise WrongBackupKey(key_id) from None
    if not hmac.compare_digest(expected, mac):
        raise BackupDamaged
    manifest = Manifest.from_json(json.loads(body))
    if manifest.format != FORMAT or manifest.key_id != key_id:
        raise BackupDamaged
    return manifest


def _mac(keyring: Keyring, key_id: str, body: str) -> str:
    key = keyring.derive(key_id, hashlib.sha256(PURPOSE.encode()).digest(), PURPOSE)
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
