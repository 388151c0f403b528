"""Bringing the databases of an installation up to date before its processes start: `python -m app.cli.prepare`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from app import create_app
from app.cli.demo import ensure_demo, write_demo_json
from app.cli.installation import Installation
from app.config import Settings
from app.domain.identity.permissions import OPERATOR_PRESETS
from app.tenancy.administration import administered_cluster
from app.tenancy.bootstrap import CentralPlace, bootstrap
from app.tenancy.template import ensure_template

DEMO_FILE = "demo.json"


def make_platform(installation: Installation, admin_url: str) -> None:
    """Make or update the central database and the roles on a PostgreSQL server."""
    bootstrap(
        admin_url,
        CentralPlace(installation.central_database, installation.central_role, installation.central_password),
        presets=OPERATOR_PRESETS,
        address_moves=True,
    )


def settings_of(environment: dict[str, str], /, **changes: Any) -> Settings:
    """Return an environment as this process's settings, with some of them changed."""
    return Settings.model_validate({name.lower(): value for name, value in environment.items()} | changes)


def main() -> int:
    """Prepare the installation that the environment describes, and its demo; return the exit code."""
    var, admin_url = Path(os.environ["VAR_DIR"]), os.environ["DATABASE_ADMIN_URL"]
    say("Preparing the central database and the template of hospitals' databases")
    make_platform(Installation(var), admin_url)
    app = create_app()
    with app.app_context():
        ensure_template(administered_cluster())
        say("Looking after the two demo hospitals")
        accounts = ensure_demo(app)
    write_demo_json(var / DEMO_FILE, os.environ["BASE_URL"], accounts)
    return 0


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
