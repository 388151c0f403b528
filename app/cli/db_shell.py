"""`make db`: psql on the central database, or on a hospital's, of the platform that runs from this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import sqlalchemy as sa

from app.core.embedded import find_running, postgres_programs

CENTRAL = "vien_central"


def main(arguments: list[str]) -> int:
    """Replace this process by psql; return an exit code only when that cannot be."""
    running = find_running(Path(os.environ.get("VAR_DIR", "var")).resolve())
    if running is None or not running.admin_database_url:
        print("No embedded PostgreSQL runs here. Start it with `make run`.", file=sys.stderr)
        return 1
    url = sa.make_url(running.admin_database_url).set(database=arguments[0] if arguments else CENTRAL)
    program = str(postgres_programs() / "psql")
    os.execv(program, [program, url.render_as_string(hide_password=False)])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
