"""A real PgBouncer in transaction mode before the tests' PostgreSQL, as docs/operations/connections.md has it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.core import child_process
from app.core.embedded.place import Account
from app.core.embedded.ports import find_free

POOL_SIZE = 4
CONSOLE = "vien_console"
PLACES = ("pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer")
CONFIGURATION = """
[databases]
{overrides}
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
auth_type = scram-sha-256
auth_file = {users}
admin_users = {console}
server_login_retry = 0.1
query_wait_timeout = 60
log_connections = 0
log_disconnections = 0
logfile = {log}
pidfile =
"""


def find_program() -> str:
    """Return PgBouncer's path, or fail the test: what promises to work through it is not shown without it."""
    for candidate in (os.environ.get("PGBOUNCER", ""), *PLACES):
        found = shutil.which(candidate) if candidate else None
        if found:
            return found
    pytest.fail("PgBouncer is not installed: run scripts/ensure-pgbouncer, which installs it or says how")


class Pooler:
    """One PgBouncer over a folder of its own."""

    def __init__(self, host: str, port: int, *, pool_size: int = POOL_SIZE) -> None:
        self.host, self.server_port, self.pool_size = host, port, pool_size
        self.port = find_free()
        self.folder = Path(tempfile.mkdtemp(prefix="vien-pooler-"))
        self.folder.chmod(0o755)
        self._ids = Account.choose(self.folder).ids  # PgBouncer refuses to run as root, like PostgreSQL
        self._log = self.folder / "pgbouncer.log"
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, users: Iterable[tuple[str, str]], overrides: str = "") -> None:
        """Write the configuration; a running PgBouncer takes it up at once."""
        listed = [*users, (CONSOLE, CONSOLE)]
        files = {
            "users.txt": "".join(f'"{role}" "{secret}"\n' for role, secret in listed),
            "pgbouncer.ini": CONFIGURATION.format(
                overrides=overrides,
                host=self.host,
                port=self.server_port,
                own_port=self.port,
                pool_size=self.pool_size,
                users=self.folder / "users.txt",
                console=CONSOLE,
                log=self._log,
            ),
        }
        for name, text in files.items():
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o600)
            self._give(path)
        if self._process is not None:
            self.ask("RELOAD")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._log.touch()
        self._give(self._log)
        command = [find_program(), "-q", str(self.folder / "pgbouncer.ini")]
        self._process = child_process.start(command, env={"PATH": os.defpath}, cwd=self.folder, ids=self._ids)
        if not child_process.wait_until(self._answers, 60):
            words = self._log.read_text()
            self.stop()
            pytest.fail(f"PgBouncer does not start: {words}")

    def restart(self) -> None:
        """End it at once, with every connection, and start it on the same port."""
        self._end()
        self.start()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, question: str) -> list[dict[str, Any]]:
        """Put a question to PgBouncer's own console."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="pgbouncer", user=CONSOLE, password=CONSOLE, autocommit=True,
            row_factory=psycopg.rows.dict_row, cursor_factory=psycopg.ClientCursor, connect_timeout=60,
        ) as connection:  # fmt: skip
            cursor = connection.execute(question)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def _end(self) -> None:
        if self._process is not None:
            child_process.stop(self._process, (signal.SIGTERM, 5.0))
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        try:
            return bool(self.ask("SHOW VERSION"))
        except psycopg.Error:
            return False

    def _give(self, path: Path) -> None:
        if self._ids is not None:
            os.chown(path, *self._ids)
            os.chown(self.folder, *self._ids)
