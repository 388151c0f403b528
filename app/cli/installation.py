"""An installation in a folder: its secrets, made once, and the settings that its processes get."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

from app.config import Settings
from app.tenancy.bootstrap import CentralPlace, bootstrap

SECRETS_FILE = "secrets.json"


class Installation:
    """The secrets of one folder, and what is derived from them."""

    def __init__(self, var: Path, *, central_database: str = "vien_central", central_role: str = "vien_web") -> None:
        self.var = var
        self._secrets = _load_or_make(var / SECRETS_FILE)
        self._place = CentralPlace(central_database, central_role, self._secrets["central_password"])

    def prepare(self, admin_url: str) -> str:
        """Make or update the platform on a PostgreSQL server; return the central database's address for the web."""
        return bootstrap(admin_url, self._place)

    def central_url(self, admin_url: str) -> str:
        """Return the central database's address for the web, without touching anything."""
        return self._place.url(admin_url)

    def environment(self, *, database_url: str, redis_url: str, admin_url: str | None, port: int) -> dict[str, str]:
        """Return the settings as environment variables; only workers are given `admin_url`."""
        values = {
            "ENVIRONMENT": "development",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": self._secrets["secret_key"],
            "VIEN_KEYS": f"k1:{self._secrets['encryption_key']}",
            "VIEN_BLIND_INDEX_KEY": self._secrets["blind_index_key"],
            "VAR_DIR": str(self.var),
            "BASE_URL": f"http://127.0.0.1:{port}",
            "SECURE_COOKIES": "false",
            "LOG_FORMAT": "text",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
        }
        passed = {
            name: os.environ[name] for name in ("MAIL_URL", "MAIL_FROM", "DEFAULT_HOSPITAL") if name in os.environ
        }
        return values | passed | ({"DATABASE_ADMIN_URL": admin_url} if admin_url else {})

    def settings(self, environment: dict[str, str], /, **changes: Any) -> Settings:
        """Return an environment as this process's settings, with some of them changed."""
        return Settings.model_validate({name.lower(): value for name, value in environment.items()} | changes)


def _load_or_make(path: Path) -> dict[str, str]:
    if path.exists():
        loaded: dict[str, str] = json.loads(path.read_text())
        return loaded
    made = {
        "secret_key": secrets.token_urlsafe(48),
        "encryption_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "blind_index_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "central_password": secrets.token_urlsafe(24),
    }
    half = path.with_suffix(".new")  # a run killed in between leaves no half-written secrets
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made, file)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
    return made
