"""A backup in the store as a source of restores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from app.core.blobs import FileStore, file_store
from app.core.crypto import Keyring
from app.core.objects import ObjectStore
from app.tenancy.backups.archive import ARCHIVE, read_dump, read_file, read_manifest
from app.tenancy.backups.errors import BackupDamaged
from app.tenancy.backups.storage import backup_keyring, backup_store


class StoredBackup:
    """A backup by its place; its manifest is read and found genuine when it is opened."""

    def __init__(self, location: str, store: ObjectStore, keyring: Keyring, files: FileStore) -> None:
        self._location, self._store, self._keyring, self._files = location, store, keyring, files
        self.manifest = read_manifest(store, keyring, location)

    @property
    def taken_at(self) -> datetime:
        """When the snapshot was taken."""
        return self.manifest.started_at

    @property
    def hospital_id(self) -> UUID:
        """Whose it is."""
        return self.manifest.hospital_id

    @property
    def revision(self) -> str:
        """The schema's revision."""
        return self.manifest.revision

    @property
    def rows(self) -> Mapping[str, int]:
        """The number of rows of every table."""
        return self.manifest.rows

    @property
    def plain_bytes(self) -> int:
        """How long the dump is."""
        return self.manifest.plain_bytes

    def check(self) -> None:
        """See that the archive is there and as long as it was; reading it authenticates every byte."""
        if self._store.size(f"{self._location}/{ARCHIVE}") != self.manifest.size_bytes:
            raise BackupDamaged

    def read(self) -> Iterator[bytes]:
        """Return the dump piece by piece; raises WrongBackupKey or BackupDamaged."""
        return read_dump(self._store, self._keyring, self._location, self.manifest)

    def bring_files(self, hospital_id: UUID) -> dict[str, int]:
        """Put the files that are missing back into a hospital's place; return how many were brought and were there."""
        outcome = {"brought": 0, "present": 0}
        for name in self.manifest.files:
            if self._files.has(hospital_id, name):
                outcome["present"] += 1
                continue
            self._files.put(hospital_id, read_file(self._store, self._keyring, self.manifest, name))
            outcome["brought"] += 1
        return outcome


def open_backup(location: str) -> StoredBackup:
    """Open a backup; raises NotABackup, WrongBackupKey, BackupDamaged, StoreFailed or NoBackupKeys."""
    return StoredBackup(location, backup_store(), backup_keyring(), file_store())
