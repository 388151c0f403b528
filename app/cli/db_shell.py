"""`make db`: psql on the central database, or on a hospital's, of the platform that runs from this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa

from app.core.embedded import find_running, postgres_programs

CENTRAL = "vien_central"


def main(arguments: list[str]) -> NoReturn:
    """Replace this process by psql; exit with a clear sentence when that cannot be."""
    running = find_running(Path(os.environ.get("VAR_DIR", "var")).resolve())
    if running is None or not running.admin_database_url:
        sys.exit("No embedded PostgreSQL runs here. Start it with `make run`.")
    url = sa.make_url(running.admin_database_url).set(database=arguments[0] if arguments else CENTRAL)
    program = str(postgres_programs() / "psql")
    os.execv(program, [program, url.render_as_string(hide_password=False)])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
