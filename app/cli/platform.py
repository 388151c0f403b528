"""`flask platform …`: the platform as a whole."""

from __future__ import annotations

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import IntegrityError

from app.cli.outcomes import Exit, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.domain.identity.operators import create_operator
from app.domain.identity.permissions import OPERATOR_PRESETS
from app.tenancy.administration import NoAdministrativeAddress, administered_cluster
from app.tenancy.bootstrap import CentralPlace, bootstrap
from app.tenancy.models import OperatorRole
from app.tenancy.template import ensure_template

platform_commands = AppGroup("platform", help="The platform as a whole.")


@platform_commands.command("bootstrap")
@click.option("--region", default="vn", show_default=True, help="Where the database server stands.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@explains_errors
def bootstrap_command(region: str, as_json: bool) -> None:
    """Make the central database, its roles and the golden template, or bring them up to date. Safe to repeat."""
    settings = current_app.extensions["settings"]
    if settings.database_admin_url is None:
        raise NoAdministrativeAddress
    url = sa.make_url(settings.database_url)
    if not (url.database and url.username and url.password):
        fail("DATABASE_URL must name database, role and password", Exit.USAGE)
    bootstrap(
        settings.database_admin_url,
        CentralPlace(database=url.database, role=url.username, password=str(url.password)),
        presets=OPERATOR_PRESETS,
        region=region,
    )
    ensure_template(administered_cluster())
    put({"database": url.database, "role": url.username}, as_json=as_json)


@platform_commands.command("create-operator")
@click.argument("username")
@click.option("--name", required=True, help="Full name.")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice([role.value for role in OperatorRole]), default="super_admin")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.password_option(help="At least 12 characters; asked for when not given.")
@explains_errors
def create_operator_command(*, username: str, name: str, email: str, role: str, as_json: bool, password: str) -> None:
    """Create somebody who operates the platform."""
    try:
        with unit_of_work():
            user = create_operator(
                system_actor("command line"),
                username=username,
                full_name=name,
                email=email,
                role=OperatorRole(role),
                password=password,
            )
            facts = {"username": user.username, "role": user.role.value}
    except IntegrityError:
        fail(f"there is an operator {username} already", Exit.FAILED)
    put(facts, as_json=as_json)
