"""The command line: each command calls one operation. Data on stdout, progress and logs on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def add_commands(app: Flask) -> None:
    """Give an application its commands."""
    from app.cli import (  # noqa: F401 (they add their commands to the groups)
        accounts,
        audit,
        backups,
        carrying,
        clusters,
        connections,
        credentials,
        dead_letters,
        ending,
        exit_kits,
        gateway,
        hospital_work,
        moving,
        operations,
        people,
        restores,
        upgrading,
    )
    from app.cli.fleet import fleet_commands
    from app.cli.hospital import hospital_commands
    from app.cli.jobs import relay_command, scheduler_command, worker_command
    from app.cli.loopback.command import sms_gateway_command
    from app.cli.platform import platform_commands

    app.cli.add_command(fleet_commands)
    app.cli.add_command(hospital_commands)
    app.cli.add_command(platform_commands)
    app.cli.add_command(relay_command)
    app.cli.add_command(scheduler_command)
    app.cli.add_command(sms_gateway_command)
    app.cli.add_command(worker_command)
