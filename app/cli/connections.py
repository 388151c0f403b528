"""How hospitals' databases are reached: read replicas, and what a pooler has to know."""

from __future__ import annotations

import click

from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.tenancy.pooling import list_pooler_users
from app.tenancy.replicas import ReplicaAddress
from app.tenancy.replicating import set_replica

ACTOR = system_actor("command line")


@hospital_commands.command("set-replica")
@click.argument("code")
@click.option("--host", help="Where the streaming replica answers.")
@click.option("--port", type=int, default=5432, show_default=True)
@click.option(
    "--tls",
    "tls_mode",
    type=click.Choice(["disable", "prefer", "require", "verify-ca", "verify-full"]),
    default="prefer",
    show_default=True,
)
@click.option("--none", "without", is_flag=True, help="It has none any more.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@explains_errors
def set_replica_command(*, code: str, host: str | None, port: int, tls_mode: str, without: bool, as_json: bool) -> None:
    """Say where a hospital's read replica is. It is tried first; the address is kept encrypted."""
    if (host is None) is not without:
        fail("name either --host or --none", Exit.USAGE)
    set_replica(ACTOR, code, None if host is None else ReplicaAddress(host, port, tls_mode))
    put({"code": code, "replica": host is not None}, as_json=as_json)


@platform_commands.command("pooler-users")
@click.argument("cluster", default="main")
@explains_errors
def pooler_users(cluster: str) -> None:
    """Print the users of a server's PgBouncer, as its auth_file: roles and SCRAM secrets, no passwords."""
    for role, secret in list_pooler_users(cluster):
        click.echo(f'"{role}" "{secret}"')
