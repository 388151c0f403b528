"""PostgreSQL's own programs, of the version that a server has: another one writes what the server does not take."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

from app.core.embedded.postgres import programs
from app.tenancy.cluster import Cluster

INSTALLED = Path("/usr/lib/postgresql")


def pg_restore(cluster: Cluster) -> Path:
    """Return a pg_restore of the server's major version."""
    with cluster.connect() as connection:
        major = connection.info.server_version // 10_000
    for program in [programs() / "pg_restore", *sorted(INSTALLED.glob("*/bin/pg_restore"))]:
        if program.exists() and _major_of(program) == major:
            return program
    raise RuntimeError(f"no pg_restore of version {major} was found")


@cache
def _major_of(program: Path) -> int:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"\) (\d+)", said)
    return int(found.group(1)) if found else 0
