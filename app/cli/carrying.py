"""`flask hospital sync`, `reconcile` and `events`: what is carried to the centre, by hand."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from app.cli.following import performed
from app.cli.hospital import hospital_commands
from app.cli.outcomes import explains_errors, put
from app.core.actor import system_actor
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.domain.audit.delivery import list_cursors
from app.domain.audit.outbox import find_newest, find_pruned
from app.domain.centre.operations import RECONCILE, RESYNC
from app.domain.centre.sync import synchronise
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Operation
from app.tenancy.queries import get_hospital
from app.tenancy.sync import find_heard

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")


@hospital_commands.command("sync")
@click.argument("code")
@click.option("--full", is_flag=True, help="Tell the centre of every patient anew.")
@explains_errors
def sync_command(code: str, full: bool) -> None:
    """Carry what happened in a hospital to the centre, now and without a worker."""
    if full:
        click.echo(f"{code}\t{_perform(RESYNC, code, detach=False)['patients']} patients")
        return
    try:
        count = synchronise(code)
    except VienError as error:
        raise click.ClickException(str(error)) from error
    except DBAPIError as error:
        raise click.ClickException("A database does not answer. Nothing is lost; try again.") from error
    click.echo(f"{code}\t{count} events")


@hospital_commands.command("reconcile")
@click.argument("code")
@detach
@as_json
@explains_errors
def reconcile_command(code: str, detach: bool, as_json: bool) -> None:
    """Compare the index of patients with the hospital's own, and mend what has drifted."""
    put({"code": code, **_perform(RECONCILE, code, detach=detach)}, as_json=as_json)


@hospital_commands.command("events")
@click.argument("code")
@as_json
@explains_errors
def events_command(code: str, as_json: bool) -> None:
    """Show how far everybody has read a hospital's outbox, and what keeps them."""
    with unit_of_work():
        centre = find_heard(tenancy().registry.get_by_code(code).id)
    with bind_hospital(code), unit_of_work():
        cursors = [
            {"consumer": row.consumer, "position": row.position, "failures": row.failures, "error": row.last_error}
            for row in list_cursors()
            if row.consumer != "centre"
        ]
        facts = {"code": code, "newest": find_newest(), "pruned_to": find_pruned(), "centre": centre.position}
    put({**facts, "consumers": cursors}, as_json=as_json)


def _perform(kind: str, code: str, *, detach: bool) -> dict[str, Any]:
    def request(wake: bool) -> Operation:
        return request_operation(ACTOR, kind, hospital=get_hospital(code), wake=wake)

    return performed(request, detach=detach)
