"""What a folder of embedded services remembers between runs (ports, passwords), and who runs it now."""

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.core.embedded.errors import AlreadyRunningError, EmbeddedError

STATE_FILE = "embedded.json"
LOCK_FILE = "run.lock"


def give_to_owner_of(folder: Path, path: Path) -> None:
    """Leave no file of root's in somebody else's folder."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(slots=True)
class State:
    """The contents of `embedded.json`; `token` ties data that had to live elsewhere to this very folder."""

    token: str = field(default_factory=_password)
    postgres_password: str = field(default_factory=_password)
    postgres_port: int = 0
    valkey_password: str = field(default_factory=_password)
    valkey_port: int = 0

    @classmethod
    def load(cls, var: Path) -> "State | None":
        """Read the state of a folder, or None where it has none yet."""
        try:
            return cls(**json.loads((var / STATE_FILE).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise EmbeddedError(
                f"{var / STATE_FILE} is damaged ({error}). Put a backup back, or start over with: make reset"
            ) from error

    def save(self, var: Path) -> None:
        """Write the state whole or not at all, readable by its owner only."""
        draft = var / f"{STATE_FILE}.new"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of(var, draft)
        draft.replace(var / STATE_FILE)


class RunLock:
    """Held by the one process that runs the services of a folder; freed by the kernel when that dies."""

    def __init__(self, var: Path) -> None:
        """Take the lock, or say who has it."""
        self._file = (var / LOCK_FILE).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise AlreadyRunningError(
                f"Vien already runs in {var} (process {holder}). Use it, or stop it first: kill {holder}"
            ) from None
        give_to_owner_of(var, var / LOCK_FILE)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next one run."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
