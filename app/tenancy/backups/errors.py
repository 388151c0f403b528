"""What can be wrong with a backup: cause and remedy."""

from __future__ import annotations

from app.core.errors import Conflict, Unavailable
from app.core.i18n import _l


class NoBackupKeys(Unavailable):
    """Backups have keys of their own, and this process has none."""

    title = _l("There is no key for backups")
    default_message = _l("This process has no key for backups: BACKUP_KEYS is not set.")
    remedy = _l("Set BACKUP_KEYS for workers and commands, and keep a copy of it apart from the backups.")


class WrongBackupKey(Conflict):
    title = _l("This backup was encrypted under another key")
    remedy = _l("Add the key with this id to BACKUP_KEYS, behind the active one, and try again.")

    def __init__(self, key_id: str) -> None:
        super().__init__(
            _l("The backup was encrypted under the key “%(key)s”, which is not in BACKUP_KEYS.", key=key_id)
        )


class BackupDamaged(Conflict):
    """Something of a backup was altered, cut off or lost."""

    title = _l("This backup is damaged")
    default_message = _l("The backup was altered or is not complete: what is stored does not agree with its manifest.")
    remedy = _l("Use another backup, make a new one at once, and look at the store's disks.")


class NotABackup(Conflict):
    title = _l("There is no backup here")
    default_message = _l("There is no complete backup at this place in the store.")
    remedy = _l("List what there is with `flask fleet backups`, or rebuild the catalogue with --rebuild.")


class DumpFailed(Conflict):
    title = _l("The database could not be dumped")
    remedy = _l("Mend the cause and take the work up again. Earlier backups are untouched.")

    def __init__(self, said: str) -> None:
        super().__init__(_l("pg_dump stopped: %(said)s", said=said))
