"""Restoring, proving, swapping back and importing hospitals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app.cli.fleet import fleet_commands
from app.cli.following import performed
from app.cli.hospital import confirmed, hospital_commands
from app.cli.outcomes import Exit, confirm_code, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.errors import BackupDamaged
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Operation
from app.tenancy.provisioning import HospitalRequest
from app.tenancy.queries import get_hospital
from app.tenancy.restores.drilling import DRILL_OPERATION, request_due_drills
from app.tenancy.restores.errors import ManifestDiffers, NothingToBringBack
from app.tenancy.restores.importing import request_import
from app.tenancy.restores.queries import list_proofs
from app.tenancy.restores.restoring import RESTORE_OPERATION, SWAP_BACK_OPERATION, find_backup
from app.tenancy.swapping import drop_due_databases, list_retired

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")
on_cluster = click.option("--cluster", help="Another database server than the hospital's own.")
DUMP = click.Path(exists=True, dir_okay=False, path_type=Path)


@hospital_commands.command("restore")
@click.argument("code")
@click.option("--backup", help="Id of the backup; without it the newest complete one.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z"]),
    help="The newest backup that was begun before this time, with its zone.",
)
@click.option("--dump", type=DUMP, help="A plain dump on this machine instead of a backup.")
@click.option("--keep-revision", is_flag=True, help="Leave the schema as it was at the backup.")
@on_cluster
@confirmed
@detach
@as_json
@explains_errors
def restore(
    *,
    code: str,
    backup: str | None,
    at: datetime | None,
    dump: Path | None,
    keep_revision: bool,
    cluster: str | None,
    yes: bool,
    typed: str | None,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Bring a hospital back to a backup. The present database is kept, and swap-back returns to it."""
    with unit_of_work():
        hospital_id = get_hospital(code).id
    if (dump is not None) + (backup is not None) + (at is not None) > 1:
        fail("--backup, --at and --dump exclude each other", Exit.USAGE)
    arguments: dict[str, Any] = {"migrate": not keep_revision, **({"cluster": cluster} if cluster else {})}
    if dump is not None:
        taken, arguments["dump"] = str(dump), str(dump.resolve())
    else:
        found = find_backup(hospital_id, backup, at.isoformat() if at else None)
        taken, arguments["backup"] = found.started_at.isoformat(timespec="seconds"), str(found.id)
    if dry_run:
        days = current_app.extensions["settings"].retired_days
        click.echo(
            f"{code} would be brought back to {taken}; everything since would stand only in the database that it has"
            f" now, which is kept for {days} days"
        )
        return
    confirm_code(code, yes=yes, confirmed=typed)

    def request(wake: bool) -> Operation:
        return request_operation(ACTOR, RESTORE_OPERATION, hospital=get_hospital(code), arguments=arguments, wake=wake)

    put({"code": code, **_checked(request, detach=detach)}, as_json=as_json)


@hospital_commands.command("swap-back")
@click.argument("code")
@confirmed
@detach
@as_json
@explains_errors
def swap_back(*, code: str, yes: bool, typed: str | None, dry_run: bool, detach: bool, as_json: bool) -> None:
    """Return to the database that a restore or move left behind; the present one is kept in its turn."""
    with unit_of_work():
        kept = list_retired(get_hospital(code).id, limit=1)
    if not kept:
        raise NothingToBringBack
    left_at = kept[0].retired_at.isoformat(timespec="seconds")
    if dry_run:
        click.echo(f"{code} would use the database again that it left at {left_at}")
        return
    confirm_code(code, yes=yes, confirmed=typed)
    arguments = {"retired": str(kept[0].id)}

    def request(wake: bool) -> Operation:
        return request_operation(
            ACTOR, SWAP_BACK_OPERATION, hospital=get_hospital(code), arguments=arguments, wake=wake
        )

    put({"code": code, **performed(request, detach=detach)}, as_json=as_json)


@hospital_commands.command("drill")
@click.argument("code")
@click.option("--backup", help="Id of the backup; without it the newest complete one.")
@on_cluster
@detach
@as_json
@explains_errors
def drill(code: str, backup: str | None, cluster: str | None, detach: bool, as_json: bool) -> None:
    """Prove a backup: restore it to scratch, compare, drop it. Exit code 5 where it differs from its manifest."""
    arguments = {name: value for name, value in (("backup", backup), ("cluster", cluster)) if value}

    def request(wake: bool) -> Operation:
        return request_operation(ACTOR, DRILL_OPERATION, hospital=get_hospital(code), arguments=arguments, wake=wake)

    put({"code": code, **_checked(request, detach=detach)}, as_json=as_json)


@hospital_commands.command("import")
@click.argument("source")
@click.option("--code", required=True, help="The new code; it must be free.")
@click.option("--name", required=True, help="Full legal name.")
@click.option("--display-name", help="The name people see; the full one where not given.")
@click.option("--cluster", help="The database server to place it on; without it the region's with the most room.")
@click.option("--region", default="vn", show_default=True)
@detach
@as_json
@explains_errors
def import_command(
    *,
    source: str,
    code: str,
    name: str,
    display_name: str | None,
    cluster: str | None,
    region: str,
    detach: bool,
    as_json: bool,
) -> None:
    """Take over a hospital of another installation: SOURCE is a backup's place in the store, or a dump file."""
    wanted = HospitalRequest(code=code, name=name, display_name=display_name or name, cluster=cluster, region=region)
    dump = Path(source) if Path(source).is_file() else None
    if dump is None and source.endswith(".dump"):
        raise InvalidValue(_l("There is no such file."), field="source")
    places: dict[str, Any] = {"dump": dump.resolve()} if dump else {"location": source}
    put(_checked(lambda wake: request_import(ACTOR, wanted, wake=wake, **places), detach=detach), as_json=as_json)


@fleet_commands.command("drills")
@click.option("--request", "asks", is_flag=True, help="Ask workers for the drills that are due.")
@as_json
@explains_errors
def drills(asks: bool, as_json: bool) -> None:
    """List when each hospital's backups were proven last, the longest ago first; exit code 5 where one failed."""
    if asks:
        for code in request_due_drills(ACTOR):
            click.echo(f"{code}: asked for", err=True)
    with unit_of_work():
        proofs = list_proofs(limit=10_000).items
    for row in proofs:
        facts = {
            "code": row.code,
            "last_backup": row.backed_up_at,
            "last_proven": row.proven_at,
            "last_drill": row.drill_state.value if row.drill_state else None,
            "error": row.drill_error,
        }
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(f"{row.code:<20} {facts['last_proven'] or 'never':<34} {row.drill_error or ''}")
    failed = [row.code for row in proofs if row.drill_state is not None and row.drill_state.value == "failed"]
    if failed:
        fail(f"the last drill failed: {', '.join(failed)}", Exit.CHECK_FAILED, f"See: flask hospital drill {failed[0]}")


@fleet_commands.command("drop-retired")
@click.option("--dry-run", is_flag=True, help="Name them, and drop nothing.")
@explains_errors
def drop_retired(dry_run: bool) -> None:
    """Drop the databases that were left behind and whose time is over; a worker does it by itself every hour."""
    for name in drop_due_databases(ACTOR, dry_run=dry_run):
        click.echo(name)


def _checked(request: Callable[[bool], Operation], *, detach: bool) -> dict[str, Any]:
    try:
        return performed(request, detach=detach)
    except (ManifestDiffers, BackupDamaged) as error:
        fail(str(error), Exit.CHECK_FAILED, str(error.remedy or ""))
