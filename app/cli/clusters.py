"""`flask platform add-cluster|change-cluster|clusters`: the database servers on which hospitals are placed."""

from __future__ import annotations

from typing import Any

import click

from app.cli.outcomes import Exit, explains_errors, fail, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.clusters import ServerFacts, add_cluster, ask_clusters, change_cluster

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@platform_commands.command("add-cluster")
@click.argument("name")
@click.option("--region", required=True, help="Where it stands; hospitals of this region are placed there.")
@click.option("--host", help="Under which portals reach it; without it that of the administrative address.")
@click.option("--port", type=int)
@click.option("--tls", "tls_mode", type=click.Choice(["disable", "prefer", "require", "verify-ca", "verify-full"]))
@click.option("--pooler-host", help="A PgBouncer before it.")
@click.option("--pooler-port", type=int)
@click.option("--capacity", type=int, default=500, show_default=True, help="Hospitals at most.")
@click.option("--capacity-gb", type=int, help="Disk that databases may fill.")
@as_json
@explains_errors
def add_cluster_command(*, as_json: bool, **facts: Any) -> None:
    """Prepare a further PostgreSQL server and register it. Its administrative address stands in CLUSTER_ADMIN_URLS."""
    add_cluster(ACTOR, ServerFacts(**facts))
    put({"cluster": facts["name"], "region": facts["region"], "capacity": facts["capacity"]}, as_json=as_json)


@platform_commands.command("change-cluster")
@click.argument("name")
@click.option("--host", help="Under which portals reach it.")
@click.option("--port", type=int)
@click.option("--tls", "tls_mode", type=click.Choice(["disable", "prefer", "require", "verify-ca", "verify-full"]))
@click.option("--pooler-host")
@click.option("--pooler-port", type=int)
@click.option("--capacity", type=click.IntRange(min=1))
@click.option("--capacity-gb", type=click.IntRange(min=1))
@click.option("--accepts-new/--takes-no-more", "accepts_new", default=None, help="Whether new hospitals come here.")
@explains_errors
def change_cluster_command(name: str, **changes: Any) -> None:
    """Change how a server is reached or what it takes; running processes hear of it."""
    given = {field: value for field, value in changes.items() if value is not None}
    if not given:
        fail("nothing to change", Exit.USAGE, "Give at least one option; see --help.")
    with unit_of_work():
        change_cluster(ACTOR, name, given)
    click.echo(name)


@platform_commands.command("clusters")
@as_json
@explains_errors
def clusters(as_json: bool) -> None:
    """List the database servers, how full each is and whether it answers; exit code 5 where one does not."""
    silent = []
    for server in ask_clusters():
        row = server.row
        if not server.answers:
            silent.append(row.name)
        facts = {
            "name": row.name,
            "region": row.region,
            "address": f"{row.host}:{row.port}",
            "hospitals": server.hospitals,
            "room": server.room,
            "accepts_new": row.accepts_new,
            "answers": server.answers,
            "fault": server.fault,
        }
        if as_json:
            put(facts, as_json=True)
        else:
            state = "answers" if server.answers else server.fault
            taking = "" if row.accepts_new else "  takes no more"
            click.echo(
                f"{row.name:<16} {row.region:<6} {facts['address']:<28} {server.hospitals}/{row.capacity}"
                f"  {state}{taking}"
            )
    if silent:
        fail(f"no answer: {', '.join(silent)}", Exit.CHECK_FAILED, "See that each runs and takes the address.")
