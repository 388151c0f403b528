"""`flask platform operations|follow|retry|cancel`: the ledger of long work, the same as in the operators' portal."""

from __future__ import annotations

from uuid import UUID

import click

from app.cli.following import follow, performed
from app.cli.outcomes import explains_errors, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.queries import list_operations
from app.tenancy.ledger.requests import cancel_operation, retry_operation
from app.tenancy.models import OperationState
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
operation_id = click.argument("operation_id", type=click.UUID)


@platform_commands.command("operations")
@click.option("--hospital", "code", help="Of this hospital only.")
@click.option("--state", type=click.Choice([state.value for state in OperationState]))
@as_json
@explains_errors
def operations(code: str | None, state: str | None, as_json: bool) -> None:
    """List long work, the newest first."""
    with unit_of_work():
        page = list_operations(
            hospital_id=get_hospital(code).id if code else None, state=OperationState(state) if state else None
        )
        rows = [
            {
                "id": str(row.id),
                "kind": row.kind,
                "hospital": row.hospital_code,
                "state": row.state.value,
                "requested_at": row.requested_at.isoformat(timespec="seconds"),
                "requested_by": row.requested_by_name,
                "error": row.error,
            }
            for row in page.items
        ]
    for facts in rows:
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(
                f"{facts['id']}  {facts['state']:<10} {facts['kind']:<24} {facts['hospital'] or '-':<20}"
                f" {facts['requested_at']} {facts['error'] or ''}"
            )


@platform_commands.command("follow")
@operation_id
@as_json
@explains_errors
def follow_command(operation_id: UUID, as_json: bool) -> None:
    """Show how far a worker is with long work, until it ends."""
    put(follow(operation_id) or {"operation": str(operation_id)}, as_json=as_json)


@platform_commands.command("retry")
@operation_id
@click.option("--detach", is_flag=True, help="Leave it to a worker.")
@as_json
@explains_errors
def retry(operation_id: UUID, detach: bool, as_json: bool) -> None:
    """Take up failed or cancelled work again where it stopped."""
    result = performed(lambda wake: retry_operation(ACTOR, operation_id, wake=wake), detach=detach)
    put(result or {"operation": str(operation_id)}, as_json=as_json)


@platform_commands.command("cancel")
@operation_id
@explains_errors
def cancel(operation_id: UUID) -> None:
    """Stop long work at its next safe point, or before it begins."""
    with unit_of_work():
        cancel_operation(ACTOR, operation_id)
    click.echo(str(operation_id))
