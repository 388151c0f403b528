"""A migration tried on a copy of a hospital, which goes on serving: how long, which locks, which rows.

The copy is a dump piped into a database of its own on the same server: a template copy would want the hospital closed.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.i18n import _l
from app.core.postgres_programs import find_program
from app.tenancy.backups.dumping import conninfo
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.restores.filling import drop_database, make_empty
from app.tenancy.restores.verifying import count_rows
from app.tenancy.schema import head_revision
from app.tenancy.upgrading.applying import Limits, Target, explain, migrate
from app.tenancy.upgrading.errors import RehearsalFailed
from app.tenancy.upgrading.scripts import check_target
from app.tenancy.upgrading.single import find_target

REHEARSE = "hospital.migration_rehearsal"
LOOK_SECONDS = 0.5
LONGEST_LOCKS = 5
LONGEST_SAID = 300
QUICKLY = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0"
LOCKED = """
SELECT DISTINCT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""


@operation(
    REHEARSE,
    title=_l("Rehearse a migration on a copy"),
    takes_hospital=True,
    shares_hospital=True,
    steps={"rehearse": _l("Copy the hospital, migrate the copy, drop it")},
)
def rehearse_migration(work: Work) -> dict[str, Any]:
    """Copy a hospital's database, migrate the copy, say what happened, drop it."""
    return work.step("rehearse", lambda: _rehearse(work))


def clone_name(operation_id: UUID) -> str:
    """Return the name of the copy: the same one however often the work is begun again."""
    return f"vh_clone_{sha256(operation_id.bytes).hexdigest()[:12]}"


def _rehearse(work: Work) -> dict[str, Any]:
    to = check_target(work.arguments.get("to") or head_revision("hospital"))
    original = find_target(work.hospital, to)
    clone = replace(original, database=clone_name(work.id))
    started = time.perf_counter()
    try:
        make_empty(clone.cluster, clone.database)
        _copy(work, original, clone)
        copied = time.perf_counter() - started
        return {"to": to, "copy_seconds": round(copied, 1), **_try(work, clone)}
    finally:
        drop_database(clone.cluster, clone.database)


def _copy(work: Work, original: Target, clone: Target) -> None:
    """Pipe a dump of the hospital into the copy; cancelled at a look."""
    with original.cluster.connect() as connection:
        major = connection.info.server_version // 10_000
    url = original.cluster.url_of(original.database)
    environment = os.environ | {"PGPASSWORD": url.password or "", "PGOPTIONS": QUICKLY}
    read = [_program("pg_dump", major), "--format=custom", "--compress=0", "--no-password", "--role=vien_owner"]
    write = [_program("pg_restore", major), "--exit-on-error", "--no-password", "--role=vien_owner"]
    with (
        subprocess.Popen(  # noqa: S603 (our own program and address, no shell)
            [*read, "--lock-wait-timeout=60s", f"--dbname={conninfo(url)}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as dump,
        subprocess.Popen(  # noqa: S603
            [*write, f"--dbname={conninfo(clone.cluster.url_of(clone.database))}"],
            env=environment,
            stdin=dump.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as restore,
    ):
        assert dump.stdout is not None
        dump.stdout.close()  # the reader has it; where that one ends, the writer hears of it
        try:
            while restore.poll() is None:
                work.progress(0, None, "copying")
                time.sleep(LOOK_SECONDS / 10)
            dump.wait()
        except BaseException:
            restore.kill()
            dump.kill()
            raise
        for process in (dump, restore):
            if process.returncode != 0:
                raise RehearsalFailed(work.code, _last_words(process))


def _try(work: Work, clone: Target) -> dict[str, Any]:
    before = _count(clone)
    watched = Watch(frozenset(before))
    seen: dict[str, str] = {}
    work.progress(0, None, "migrating")
    started = time.perf_counter()
    try:
        migrate(clone, Limits(), db.engine.dialect, seen, watched.listen)
    except Exception as error:
        raise RehearsalFailed(work.code, explain(error)) from error
    taken = time.perf_counter() - started
    after = _count(clone)
    changed = {name: [before.get(name), after.get(name)] for name in sorted({*before, *after})}
    return {
        "from": seen.get("from"),
        "migrate_ms": round(taken * 1_000, 1),
        "locks": watched.longest(),
        "rows": sum(before.values()),
        "changed": {name: pair for name, pair in changed.items() if pair[0] != pair[1]},
    }


class Watch:
    """Sees which tables that were there before a migration locks against people's work, and for how long."""

    def __init__(self, tables: frozenset[str]) -> None:
        self._tables = tables
        self._since: dict[tuple[str, str], float] = {}
        self._held: dict[tuple[str, str], float] = {}

    def listen(self, engine: sa.Engine) -> None:
        """Look after every statement, and when a transaction ends."""
        sa.event.listen(engine, "after_cursor_execute", self._look)
        sa.event.listen(engine, "commit", self._let_go)
        sa.event.listen(engine, "rollback", self._let_go)

    def longest(self) -> list[dict[str, Any]]:
        """Return the locks that were held longest."""
        ordered = sorted(self._held.items(), key=lambda entry: -entry[1])
        return [
            {"table": table, "lock": mode, "ms": round(held * 1_000, 1)}
            for (table, mode), held in ordered[:LONGEST_LOCKS]
        ]

    def _look(self, connection: sa.Connection, *_facts: Any) -> None:
        began = time.perf_counter()
        driver: Any = connection.connection.driver_connection
        for table, mode in driver.execute(LOCKED).fetchall():
            if table in self._tables and table != "alembic_version":
                self._since.setdefault((table, mode), began)

    def _let_go(self, _connection: sa.Connection) -> None:
        now = time.perf_counter()
        for lock, since in self._since.items():
            self._held[lock] = max(self._held.get(lock, 0.0), now - since)
        self._since.clear()


def _count(clone: Target) -> dict[str, int]:
    with clone.cluster.connect(clone.database) as connection:
        return count_rows(connection)


def _program(name: str, major: int) -> str:
    program: Path = find_program(name, major)
    return str(program)


def _last_words(process: subprocess.Popen[bytes]) -> str:
    said = (process.stderr.read(20_000) if process.stderr else b"").decode(errors="replace").splitlines()
    errors = [line for line in said if "error:" in line] or said or ["no reason was given"]
    return errors[0][:LONGEST_SAID]
