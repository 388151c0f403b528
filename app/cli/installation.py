"""An installation in a folder: its secrets, made once, and the environment that its processes get.

It imports nothing heavy, so that a second start is quick; what talks to databases is in `prepare`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

SECRETS_FILE = "secrets.json"


class Installation:
    """The secrets of one folder, and what is derived from them."""

    def __init__(self, var: Path, *, central_database: str = "vien_central", central_role: str = "vien_web") -> None:
        self.var = var
        self._secrets = _load_or_make(var / SECRETS_FILE)
        self.central_database = central_database
        self.central_role = central_role
        self.central_password = self._secrets["central_password"]

    def central_url(self, admin_url: str) -> str:
        """Return the central database's address for the web, on the server of an administrative address."""
        parts = urlsplit(admin_url)
        login = f"{self.central_role}:{self.central_password}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(scheme="postgresql", netloc=login, path=f"/{self.central_database}"))

    def environment(self, *, redis_url: str, admin_url: str, port: int) -> dict[str, str]:
        """Return the settings as environment variables; those of the web leave out DATABASE_ADMIN_URL."""
        values = {
            "ENVIRONMENT": "development",
            "DATABASE_URL": self.central_url(admin_url),
            "DATABASE_ADMIN_URL": admin_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": self._secrets["secret_key"],
            "VIEN_KEYS": f"k1:{self._secrets['encryption_key']}",
            "VIEN_BLIND_INDEX_KEY": self._secrets["blind_index_key"],
            "VAR_DIR": str(self.var),
            "BASE_URL": f"http://127.0.0.1:{port}",
            "SECURE_COOKIES": "false",
            "SMS_HOOK_SECRET": hashlib.sha256(f"sms hook {self._secrets['secret_key']}".encode()).hexdigest(),
            "PRIVATE_GATEWAYS": "true",
            "POOL_SIZE": "8",  # as many as threads: no request waits for a connection that another one holds
            "LOG_FORMAT": "text",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
        }
        passed = {
            name: os.environ[name]
            for name in ("MAIL_URL", "MAIL_FROM", "DEFAULT_HOSPITAL", "SMS_GATEWAY")
            if name in os.environ
        }
        return values | passed


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
