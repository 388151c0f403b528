"""`python -m app.cli.within hospital list`: a flask command with the settings of the platform run from this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from app.cli.installation import Installation
from app.cli.run import BIN, LOOPBACK_ABOVE, loopback_request
from app.core.embedded import find_running


def main(arguments: list[str]) -> NoReturn:
    """Replace this process by the command; exit with a clear sentence when that cannot be."""
    var = Path(os.environ.get("VAR_DIR", "var")).resolve()
    running = find_running(var)
    admin_url = os.environ.get("DATABASE_URL") or (running.admin_database_url if running else "")
    redis_url = os.environ.get("REDIS_URL") or (running.redis_url if running else "")
    if not admin_url or not redis_url:
        sys.exit("No platform runs from this folder. Start it with `make run` in another terminal.")
    installation = Installation(var)
    port = int(os.environ.get("PORT", "8000"))
    settings = installation.environment(redis_url=redis_url, admin_url=admin_url, port=port)
    settings.setdefault("SMS_GATEWAY", loopback_request(port + LOOPBACK_ABOVE))
    program = str(BIN / "flask")
    os.execve(program, [program, "--app", "wsgi", *arguments], os.environ | settings)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
