"""Where backups are kept and under which keys: what the settings say, for workers and commands."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app

from app.config import Settings
from app.core.crypto import Keyring
from app.core.objects import ObjectStore, open_store
from app.tenancy.backups.errors import NoBackupKeys
from app.tenancy.health.stores import watches_store

KEY = "backup_store"


def backup_store() -> ObjectStore:
    """Return the store of backups."""
    if KEY not in current_app.extensions:
        current_app.extensions[KEY] = open_store(_settings().backup_address)
    return cast(ObjectStore, current_app.extensions[KEY])


def backup_keyring() -> Keyring:
    """Return the keys of backups; raises NoBackupKeys. Outside production those of the platform serve."""
    settings = _settings()
    if settings.backup_keys is None:
        if settings.environment == "production":
            raise NoBackupKeys
        return cast(Keyring, current_app.extensions["keyring"])
    return Keyring.parse(settings.backup_keys)


@watches_store
def room_in_store() -> dict[str, Any]:
    """Return how much room there is, for those who watch."""
    return dict(backup_store().room())


def _settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])
