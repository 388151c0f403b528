"""Copying a database from one server to another through a pipe: nothing of it touches a disk of ours."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO

from app.core.postgres_programs import find_program
from app.tenancy.backups.dumping import conninfo
from app.tenancy.cluster import Cluster
from app.tenancy.moving.errors import DumpFailed
from app.tenancy.restores.filling import Note, fill, make_empty

CHUNK = 1 << 18
LONGEST_SAID = 300
OPTIONS = "-c statement_timeout=0 -c lock_timeout=10s -c idle_in_transaction_session_timeout=0"
ALL = ("--format=custom", "--compress=0", "--no-publications", "--no-subscriptions")
SCHEMA_ONLY = (*ALL, "--schema-only")


def copy_everything(source: Cluster, database: str, target: Cluster, new: str, note: Note) -> None:
    """Make a new database with all that is in another one; raises DumpFailed, RestoreFailed or DiskFull."""
    make_empty(target, new)
    dump, restore = _programs(target)
    with closing(_dump(source, database, dump, ALL)) as stream:
        fill(target, new, restore, stream, note)


def copy_schema(source: Cluster, database: str, target: Cluster, new: str) -> None:
    """Make a new database with the tables of another one, and nothing in them; raises like `copy_everything`."""
    make_empty(target, new)
    dump, restore = _programs(target)
    with closing(_dump(source, database, dump, SCHEMA_ONLY)) as stream:
        fill(target, new, restore, stream, lambda _done: None)


def _programs(target: Cluster) -> tuple[Path, Path]:
    """Return those of the new server's version: it understands what they write, and they the older server."""
    with target.connect() as there:
        major = there.info.server_version // 10_000
    return find_program("pg_dump", major), find_program("pg_restore", major)


def _dump(source: Cluster, database: str, program: Path, options: tuple[str, ...]) -> Generator[bytes, None, None]:
    """Yield a dump as it comes; raises DumpFailed at its end where it is not whole."""
    url = source.url_of(database)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 (our own program and address, no shell)
            [str(program), *options, f"--dbname={conninfo(url)}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | {"PGPASSWORD": url.password or "", "PGOPTIONS": OPTIONS},
        )
        assert process.stdout is not None
        try:
            while chunk := process.stdout.read(CHUNK):
                yield chunk
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if code != 0:
            raise DumpFailed(_last_words(said))


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(20_000).decode(errors="replace").splitlines()
    errors = [line for line in lines if "error:" in line] or lines or ["no reason was given"]
    return errors[0].removeprefix("pg_dump: error: ")[:LONGEST_SAID]
