"""A real primary and its streaming replica, embedded, for tests that stop the one and promote the other."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from app.core import child_process
from app.core.embedded import Services, remove, start_services
from app.core.embedded.journal import Journal
from app.core.embedded.place import Place
from app.core.embedded.postgres import Postgres, _reachable_programs

SECONDS = 60.0


class Standby(Postgres):
    """An embedded server over a copy of another one's data, which follows it."""

    def copy_of(self, primary: Postgres) -> None:
        """Copy the primary's data, and remember from whom to stream."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.place.own_folder(self.data.name)
        self.journal.mark()
        folder = _reachable_programs(self.place)
        command = [str(folder / "pg_basebackup"), "-d", primary.url, "-D", str(self.data), "-R", "-X", "stream"]
        command += ["--checkpoint=fast", "--no-sync"]
        assert self._spawn(command).wait(SECONDS) == 0, self.journal.words()

    def promote(self) -> None:
        """Make it a primary; return when it takes writes."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """A standby announces itself otherwise than a primary, so it is asked."""
        return child_process.wait_until(lambda: process.poll() is None and _answers(self.url), SECONDS)


class Pair:
    """A primary with a replica that streams from it."""

    def __init__(self) -> None:
        self._folders = [Path(tempfile.mkdtemp(prefix=f"vien-{part}-")) for part in ("primary", "replica")]
        self._services: Services = start_services(self._folders[0], fast=True, with_valkey=False)
        assert self._services.postgres is not None
        self.primary: Postgres = self._services.postgres
        self.replica = Standby(
            Place.of(self._folders[1].resolve()),
            Journal(self._folders[1] / "log" / "postgres.log"),
            self.primary.password,
            0,
            fast=True,
        )
        self.replica.copy_of(self.primary)
        self.replica.start()

    @property
    def either(self) -> str:
        """The superuser's address of whichever takes writes."""
        first, second = (urlsplit(server.url).netloc for server in (self.primary, self.replica))
        login, _, place = first.rpartition("@")
        other = second.rpartition("@")[2]
        return f"postgresql://{login}@{place},{other}/postgres?target_session_attrs=read-write"

    def wait_until_replayed(self) -> None:
        """Return when the replica has what was committed at the primary."""
        self._wait_for("pg_last_wal_replay_lsn()")

    def wait_until_received(self) -> None:
        """Return when the replica has heard of what was committed at the primary, replayed or not."""
        self._wait_for("pg_last_wal_receive_lsn()")

    def _wait_for(self, position: LiteralString) -> None:
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            # With the quick settings of tests a commit is written a moment after it was answered.
            (committed,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()  # type: ignore[misc]
        with psycopg.connect(self.replica.url, autocommit=True) as connection:
            asked = sql.SQL("SELECT {} >= %s::pg_lsn").format(sql.SQL(position))
            there = child_process.wait_until(
                lambda: connection.execute(asked, (committed,)).fetchone() == (True,), SECONDS
            )
            assert there, "the replica does not follow"

    def stop_primary(self) -> None:
        """End the primary at once, as when its machine goes."""
        assert self.primary.process is not None
        child_process.kill_session(self.primary.process.pid)
        self.primary.process.wait()

    def close(self) -> None:
        """Stop both and remove their folders."""
        self.replica.stop()
        self._services.stop()
        remove(self._folders[0])
        shutil.rmtree(self.replica.place.root, ignore_errors=True)
        shutil.rmtree(self._folders[1], ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() is not None
    except psycopg.Error:
        return False
