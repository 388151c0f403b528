"""`flask platform …`: the platform as a whole."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.domain.identity.operators import create_operator
from app.tenancy.models import OperatorRole

platform_commands = AppGroup("platform", help="The platform as a whole.")


@platform_commands.command("create-operator")
@click.argument("username")
@click.option("--name", required=True, help="Full name.")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice([role.value for role in OperatorRole]), default="super_admin")
@click.password_option(help="At least 12 characters; asked for when not given.")
def create_operator_command(username: str, name: str, email: str, role: str, password: str) -> None:
    """Create somebody who operates the platform."""
    with unit_of_work():
        create_operator(
            system_actor("command line"),
            username=username,
            full_name=name,
            email=email,
            role=OperatorRole(role),
            password=password,
        )
    click.echo(username)
