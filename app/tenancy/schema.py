"""The two Alembic histories: bringing a database to a revision, with limits on how long it may lock and run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

History = Literal["central", "hospital"]

ROOT = Path(__file__).resolve().parents[2] / "migrations"
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"

# Folders with revisions that continue a history: for tests and benchmarks, which must not touch the real one.
further_versions: dict[History, list[Path]] = {"central": [], "hospital": []}


def alembic_config(history: History) -> Config:
    """Return the configuration of a history, for use in the process."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / history))
    config.set_main_option("path_separator", "os")
    folders = [ROOT / history / "versions", *further_versions[history]]
    config.set_main_option("version_locations", os.pathsep.join(str(folder) for folder in folders))
    return config


@cache
def head_revision(history: History) -> str:
    """Return the newest revision of a history; it does not change while a process runs."""
    head = ScriptDirectory.from_config(alembic_config(history)).get_current_head()
    if head is None:
        raise RuntimeError(f"the history {history} has no revisions")
    return head


def upgrade(history: History, connection: sa.Connection, revision: str = "head") -> None:
    """Run a history's migrations on a connection, as the owner role, within the limits."""
    config = alembic_config(history)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
