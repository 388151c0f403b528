"""`flask hospital …`: one hospital at a time."""

from __future__ import annotations

import json

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup

from app.core.actor import system_actor
from app.core.db import db
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.cluster import Cluster
from app.tenancy.models import Hospital
from app.tenancy.provisioning import HospitalRequest, provision_hospital, request_hospital

hospital_commands = AppGroup("hospital", help="Hospitals.")


@hospital_commands.command("create")
@click.argument("code")
@click.option("--name", required=True, help="Full legal name.")
@click.option("--display-name", help="The name people see; the full one where not given.")
@click.option("--domain", help="A domain of the hospital's own.")
def create(code: str, name: str, display_name: str | None, domain: str | None) -> None:
    """Create a hospital with a database of its own, or finish one that was begun."""
    actor = system_actor("command line")
    try:
        with unit_of_work() as session:
            if session.scalar(sa.select(Hospital.id).where(Hospital.code == code)) is None:
                request_hospital(
                    actor,
                    HospitalRequest(code=code, name=name, display_name=display_name or name, custom_domain=domain),
                )
        provision_hospital(actor, code, cluster=admin_cluster(), keyring=current_app.extensions["keyring"])
    except VienError as error:
        raise click.ClickException(str(error)) from error
    click.echo(code)


@hospital_commands.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_command(as_json: bool) -> None:
    """List the hospitals."""
    rows = db.session.execute(
        sa.select(Hospital.code, Hospital.display_name, Hospital.status, Hospital.schema_revision).order_by(
            Hospital.code
        )
    )
    for code, name, status, revision in rows:
        facts = {"code": code, "name": name, "status": status.value, "revision": revision}
        click.echo(
            json.dumps(facts, ensure_ascii=False) if as_json else f"{code}\t{status.value}\t{revision or '-'}\t{name}"
        )


def admin_cluster() -> Cluster:
    """Return the server on which databases are made; refuses where the process was given no such right."""
    url = current_app.extensions["settings"].database_admin_url
    if url is None:
        raise click.UsageError("This command needs DATABASE_ADMIN_URL: a role that may create databases and roles.")
    return Cluster(url)
