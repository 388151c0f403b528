"""`flask hospital move`: a hospital's database goes to another server."""

from __future__ import annotations

import click

from app.cli.fleet import fleet_commands
from app.cli.following import performed
from app.cli.hospital import confirmed, hospital_commands
from app.cli.outcomes import confirm_code, explains_errors, put
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.moving.leftovers import take_back_left_moves
from app.tenancy.moving.moving import request_move
from app.tenancy.moving.planning import AUTO, MB, METHODS, Plan, make_plan
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")


@hospital_commands.command("move")
@click.argument("code")
@click.option("--to", "cluster", required=True, metavar="CLUSTER", help="Its name; see `flask platform clusters`.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=AUTO,
    show_default=True,
    help="dump: paused while it is copied; replication: paused for seconds; auto: by its size.",
)
@confirmed
@click.option("--detach", is_flag=True, help="Leave it to a worker.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@explains_errors
def move(
    *,
    code: str,
    cluster: str,
    method: str,
    yes: bool,
    typed: str | None,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Move a hospital to another database server. The old database is kept, closed, as long as `RETIRED_DAYS` says."""
    with unit_of_work():
        hospital_id = get_hospital(code).id
    plan = make_plan(hospital_id, cluster, method)
    if dry_run:
        put({"code": code, **_facts(plan)}, as_json=as_json)
        return
    click.echo(_sentence(code, plan), err=True)
    confirm_code(code, yes=yes, confirmed=typed)
    result = performed(lambda wake: request_move(ACTOR, code, cluster, method, wake=wake), detach=detach)
    put({"code": code, **result}, as_json=as_json)


@fleet_commands.command("take-back-moves")
@explains_errors
def take_back_moves() -> None:
    """Take back what failed moves left on servers that were away; a worker does it by itself every five minutes."""
    for name in take_back_left_moves():
        click.echo(name)


def _facts(plan: Plan) -> dict[str, object]:
    return {
        "from": plan.from_name,
        "to": plan.to_name,
        "method": plan.method,
        "size_mb": round(plan.size_bytes / MB, 1),
        "about_seconds": plan.seconds,
        "about_pause_seconds": plan.pause_seconds,
    }


def _sentence(code: str, plan: Plan) -> str:
    return (
        f"{code} goes from {plan.from_name} to {plan.to_name} by {plan.method}: {plan.size_bytes // MB} MB, about"
        f" {plan.seconds} s, of which nobody is served for about {plan.pause_seconds} s"
    )
