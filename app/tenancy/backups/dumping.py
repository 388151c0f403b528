"""A hospital's database as a stream: pg_dump's custom format, and the rows of each table as of the same instant."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from app.core.envelope import Writes
from app.core.postgres_programs import find_program
from app.tenancy.backups.errors import DumpFailed
from app.tenancy.cluster import Cluster

PIECE = 1024 * 1024
SET_PIPE_SIZE = 1031
LONGEST_SAID = 300
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One instant of a database, held open by a transaction that only reads."""

    connection: psycopg.Connection[Any]
    name: str
    server_version: int

    @property
    def major(self) -> int:
        return self.server_version // 10_000

    def count_rows(self) -> dict[str, int]:
        """Return the exact number of rows of every table, partitions by themselves."""
        names = [row[0] for row in self.connection.execute(TABLES)]
        counts = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, count(*) FROM {}").format(name, sql.Identifier("public", name)) for name in names
        )
        return {str(row[0]): int(row[1]) for row in self.connection.execute(counts)}

    def facts(self) -> tuple[Any, str, str, str]:
        """Return whose database it is (id, code, name), and its revision."""
        row = self.connection.execute(
            "SELECT hospital_id, code, name, version_num FROM hospital_info, alembic_version"
        ).fetchone()
        if row is None:
            raise DumpFailed("the database does not say whose it is")
        return row[0], row[1], row[2], row[3]

    def files(self) -> dict[str, int]:
        """Return size by digest of the files that the hospital keeps; none at revisions that know none."""
        if self.connection.execute("SELECT to_regclass('public.files')").fetchone() == (None,):
            return {}
        return {
            row[0]: row[1]
            for row in self.connection.execute(
                "SELECT sha256, max(size_bytes) FROM files WHERE deleted_at IS NULL GROUP BY 1"
            )
        }

    def size(self) -> int:
        """Return the database's size in bytes, indexes and all."""
        row = self.connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0


@contextmanager
def snapshot_of(cluster: Cluster, database: str) -> Iterator[Snapshot]:
    """Hold one instant of a database, for counting and dumping alike."""
    url = cluster.url_of(database).render_as_string(hide_password=False)
    with psycopg.connect(url, application_name="vien-backup") as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield Snapshot(connection, row[0], connection.info.server_version)


def dump(
    cluster: Cluster, database: str, snapshot: Snapshot, sink: Writes, note: Callable[[int], None]
) -> tuple[int, str]:
    """Stream a database as of a snapshot; return how many bytes that were and the program's version.

    Raises NoProgram or DumpFailed. `note` hears how many bytes were written so far, and may raise to stop it.
    """
    program = find_program("pg_dump", snapshot.major)
    url = cluster.url_of(database)
    command = [
        *(str(program), "--format=custom", "--compress=0", "--no-password", "--role=vien_owner"),
        *(f"--snapshot={snapshot.name}", "--lock-wait-timeout=60s", f"--dbname={conninfo(url)}"),
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 (our own program and address, no shell)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | {"PGPASSWORD": url.password or ""},
        )
        try:
            assert process.stdout is not None
            done = _pour(process.stdout, sink, note)
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
        if code != 0:
            raise DumpFailed(_first_error(said))
    return done, _version(program)


def conninfo(url: sa.URL) -> str:
    """Return an address without its password, which a list of processes would show."""
    port = {"port": url.port} if url.port else {}
    facts = {"host": url.host, "user": url.username, "dbname": url.database, **port, **dict(url.query)}
    return psycopg.conninfo.make_conninfo("", **{name: str(value) for name, value in facts.items() if value})


def _pour(source: IO[bytes], sink: Writes, note: Callable[[int], None]) -> int:
    with suppress(OSError):
        fcntl.fcntl(source, SET_PIPE_SIZE, PIECE)  # fewer turns between the two processes
    done = 0
    while piece := source.read(PIECE):
        sink.write(piece)
        done += len(piece)
        note(done)
    return done


def _version(program: Path) -> str:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return said.strip()


def _first_error(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(20_000).decode(errors="replace").splitlines()
    errors = [line for line in lines if "error:" in line] or lines or ["no reason was given"]
    return errors[0].removeprefix("pg_dump: error: ")[:LONGEST_SAID]
