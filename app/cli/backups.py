"""`flask hospital backup|backups|backup-policy` and `flask fleet backups`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import click

from app.cli.fleet import fleet_commands
from app.cli.following import performed
from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.backing_up import BACK_UP, PRUNE, REBUILD, VERIFY
from app.tenancy.backups.catalogue import find_newest, list_backups
from app.tenancy.backups.policies import find_policy, set_policy
from app.tenancy.backups.pruning import choose_pruned
from app.tenancy.backups.queries import list_fleet_backups
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Operation
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")


@hospital_commands.command("backup")
@click.argument("code")
@click.option("--verify", is_flag=True, help="Read all of it back and compare.")
@click.option("--keep-days", type=click.IntRange(1, 3650), help="Keep it so long whatever the policy says.")
@detach
@as_json
@explains_errors
def backup(code: str, verify: bool, keep_days: int | None, detach: bool, as_json: bool) -> None:
    """Back a hospital up now."""
    arguments: dict[str, Any] = {"verify": verify, **({"pin_days": keep_days} if keep_days else {})}

    def request(wake: bool) -> Operation:
        return request_operation(ACTOR, BACK_UP, hospital=get_hospital(code), arguments=arguments, wake=wake)

    put({"code": code, **performed(request, detach=detach)}, as_json=as_json)


@hospital_commands.command("backups")
@click.argument("code")
@click.option("--verify", "backup_id", type=click.UUID, help="Read this backup through and compare.")
@as_json
@explains_errors
def backups(code: str, backup_id: UUID | None, as_json: bool) -> None:
    """List a hospital's backups, the newest first."""
    if backup_id is not None:
        put(_verified(code, backup_id), as_json=as_json)
        return
    with unit_of_work():
        rows = [_facts(row) for row in list_backups(get_hospital(code).id).items]
    for facts in rows:
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(
                f"{facts['id']}  {facts['taken_at']}  {facts['state']:<9} {facts['size_bytes'] or 0:>14,}"
                f"  {'verified ' if facts['verified_at'] else ''}{'proven ' if facts['proven_at'] else ''}"
                f"{facts['error'] or ''}"
            )


@hospital_commands.command("backup-policy")
@click.argument("code")
@click.option("--every-hours", type=int)
@click.option("--keep-daily", type=int)
@click.option("--keep-weekly", type=int)
@click.option("--keep-monthly", type=int)
@click.option("--keep-yearly", type=int)
@click.option("--drill-every-days", type=int)
@as_json
@explains_errors
def backup_policy(code: str, as_json: bool, **wanted: int | None) -> None:
    """Show how a hospital is backed up, or change it."""
    chosen = {name: value for name, value in wanted.items() if value is not None}
    with unit_of_work():
        hospital_id = get_hospital(code).id
        if chosen:
            set_policy(ACTOR, hospital_id, replace(find_policy(hospital_id), **chosen))
        facts = asdict(find_policy(hospital_id))
    put({"code": code, **facts}, as_json=as_json)


@fleet_commands.command("backups")
@click.option("--verify", is_flag=True, help="Read every hospital's newest backup through.")
@click.option("--prune", is_flag=True, help="Remove what no policy keeps.")
@click.option("--rebuild", is_flag=True, help="Write the catalogue anew from the store.")
@click.option("--dry-run", is_flag=True, help="With --prune: say what would be removed.")
@detach
@as_json
@explains_errors
def fleet_backups(*, verify: bool, prune: bool, rebuild: bool, dry_run: bool, detach: bool, as_json: bool) -> None:
    """List every hospital's newest backup, the oldest first; or verify, prune, rebuild."""
    if rebuild:
        put(performed(lambda wake: request_operation(ACTOR, REBUILD, wake=wake), detach=detach), as_json=as_json)
    elif prune and dry_run:
        _say_pruned(as_json=as_json)
    elif prune:
        put(performed(lambda wake: request_operation(ACTOR, PRUNE, wake=wake), detach=detach), as_json=as_json)
    elif verify:
        _verify_all(as_json=as_json)
    else:
        _list_fleet(as_json=as_json)


def _list_fleet(*, as_json: bool) -> None:
    with unit_of_work():
        rows = [dict(row._mapping) for row in list_fleet_backups(per_page=10_000).items]
    for row in rows:
        facts = {name: row[name] for name in ("code", "taken_at", "size_bytes", "verified_at", "proven_at", "overdue")}
        if as_json:
            put(facts, as_json=True)
        else:
            taken = row["taken_at"].isoformat(timespec="seconds") if row["taken_at"] else "never"
            click.echo(f"{row['code']:<20} {taken:<26} {'OVERDUE' if row['overdue'] else ''}")


def _say_pruned(*, as_json: bool) -> None:
    with unit_of_work():
        rows = [
            {"code": row.code, "backup": str(entry.id), "taken_at": entry.started_at.isoformat(timespec="seconds")}
            for row in list_fleet_backups(per_page=10_000).items
            for entry in choose_pruned(row.id)
        ]
    for facts in rows:
        put(facts, as_json=True) if as_json else click.echo(f"{facts['code']:<20} {facts['taken_at']}")
    click.echo(f"{len(rows)} would be removed", err=True)


def _verify_all(*, as_json: bool) -> None:
    with unit_of_work():
        codes = [row.code for row in list_fleet_backups(per_page=10_000).items if row.taken_at]
    bad = {}
    for code in codes:
        with unit_of_work():
            newest = find_newest(get_hospital(code).id)
            backup_id = newest.id if newest else None
        if backup_id is None:
            continue
        try:
            put({"code": code, **_verified(code, backup_id)}, as_json=as_json)
        except VienError as error:
            bad[code] = str(error)
            click.echo(f"{code}: {error}", err=True)
    if bad:
        fail(f"not as they should be: {', '.join(bad)}", Exit.CHECK_FAILED, "Make new backups of these at once.")


def _verified(code: str, backup_id: UUID) -> dict[str, Any]:
    arguments = {"backup": str(backup_id)}
    return performed(
        lambda wake: request_operation(ACTOR, VERIFY, hospital=get_hospital(code), arguments=arguments, wake=wake)
    )


def _facts(row: Any) -> dict[str, Any]:
    moments = {name: getattr(row, name) for name in ("verified_at", "proven_at", "pinned_until")}
    return {
        "id": str(row.id),
        "taken_at": row.started_at.isoformat(timespec="seconds"),
        "state": row.state.value,
        "reason": row.reason,
        "revision": row.revision,
        "size_bytes": row.size_bytes,
        "key_id": row.key_id,
        "location": row.location,
        **{name: value.isoformat(timespec="seconds") if value else None for name, value in moments.items()},
        "error": row.error,
    }
