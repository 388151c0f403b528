"""`flask fleet …`: all hospitals at once. The commands stand in the files beside, one for each subject."""

from __future__ import annotations

from flask.cli import AppGroup

fleet_commands = AppGroup("fleet", help="All hospitals at once.")
