"""Filling a new database from a dump that streams in: nothing plain touches a disk of ours."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from psycopg import sql

from app.core.postgres_programs import find_program
from app.tenancy.backups.dumping import conninfo
from app.tenancy.cluster import Cluster, revoke_public
from app.tenancy.restores.errors import DiskFull, NotADump, RestoreFailed

Note = Callable[[int], None]

LONGEST_SAID = 300
NO_ROOM = ("No space left on device", "could not extend file", "disk full")
NOT_ONE = (
    "could not read from input file",
    "input file does not appear to be a valid archive",
    "input file is too short",
    "unsupported version",
)
# What a crash loses is filled again by the retry; the first thing that waits for the disk afterwards makes it durable.
OPTIONS = "-c synchronous_commit=off -c maintenance_work_mem=128MB -c statement_timeout=0 -c lock_timeout=0"


def make_empty(cluster: Cluster, database: str) -> None:
    """Make an empty database that nobody but its owner may enter, in place of one that an earlier try left."""
    drop_database(cluster, database)
    with cluster.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER vien_owner TEMPLATE template0").format(sql.Identifier(database))
        )
        revoke_public(connection, database)


def drop_database(cluster: Cluster, database: str) -> None:
    """Drop a database whoever is connected; harmless where there is none."""
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def pg_restore(cluster: Cluster) -> Path:
    """Return the program of a server's version; raises NoProgram."""
    with cluster.connect() as connection:
        return find_program("pg_restore", connection.info.server_version // 10_000)


def fill(cluster: Cluster, database: str, program: Path, dump: Iterable[bytes], note: Note) -> None:
    """Stream a dump in pg_dump's custom format into an empty database; `note` hears how many bytes went in.

    Raises DiskFull, NotADump or RestoreFailed, or whatever the stream raises: then nothing of it may be trusted.
    """
    with tempfile.TemporaryFile() as said:
        url = cluster.url_of(database)
        process = subprocess.Popen(  # noqa: S603 (our own program and address, no shell)
            [str(program), "--exit-on-error", "--role=vien_owner", f"--dbname={conninfo(url)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=os.environ | {"PGPASSWORD": url.password or "", "PGOPTIONS": OPTIONS},
        )
        try:
            assert process.stdin is not None
            chunks = iter(dump)
            _pour(process.stdin, chunks, note)
            code = process.wait()
            if code == 0:
                deque(chunks, maxlen=0)  # only the end of a stream says that it is whole
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code != 0:
            raise _explain(_read(said))


def _pour(sink: IO[bytes], dump: Iterator[bytes], note: Note) -> None:
    """Write what comes until the reader has enough; why it stopped is asked for later."""
    done = 0
    with suppress(BrokenPipeError), sink:
        for chunk in dump:
            sink.write(chunk)
            done += len(chunk)
            note(done)


def _read(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read(20_000).decode(errors="replace")


def _explain(said: str) -> Exception:
    if any(words in said for words in NO_ROOM):
        return DiskFull()
    if any(words in said for words in NOT_ONE):
        return NotADump()
    errors = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["no reason was given"]
    return RestoreFailed(errors[0].removeprefix("pg_restore: error: ")[:LONGEST_SAID])
