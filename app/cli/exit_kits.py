"""`flask hospital exit-kit|exit-kits|check-exit-kit`: everything that is a hospital's, to take away."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.following import performed
from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.ending.errors import KitDamaged
from app.tenancy.ending.exit_kits import list_kits, request_exit_kit, write_here
from app.tenancy.ending.kit_checking import check_kit
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@hospital_commands.command("exit-kit")
@click.argument("code")
@click.option("--to", "path", type=click.Path(path_type=Path), help="A new folder, or a new file ending in .zip, here.")
@click.option("--detach", is_flag=True, help="Leave it to a worker; not with --to.")
@as_json
@explains_errors
def exit_kit(code: str, path: Path | None, detach: bool, as_json: bool) -> None:
    """Write everything of a hospital: into the store, encrypted, for some days; or to a path here, in clear."""
    if path is None:
        put(performed(lambda wake: request_exit_kit(ACTOR, code, wake=wake), detach=detach), as_json=as_json)
        return
    if detach:
        fail("a path of this machine cannot be left to a worker", Exit.USAGE, "Leave out --detach or --to.")
    manifest = write_here(ACTOR, code, path, _Telling())
    facts = {
        "path": str(path),
        "tables": len(manifest["rows"]),
        "rows": sum(manifest["rows"].values()),
        "files": len(manifest["files"]),
        "missing_files": len(manifest["missing_files"]),
    }
    put(facts, as_json=as_json)
    click.echo("It holds medical records in clear: encrypt it before it leaves this machine.", err=True)


@hospital_commands.command("exit-kits")
@click.argument("code")
@as_json
@explains_errors
def exit_kits(code: str, as_json: bool) -> None:
    """List the exit kits of a hospital that are in the store."""
    with unit_of_work():
        hospital_id = get_hospital(code).id
    for kit in list_kits(hospital_id):
        facts = {"name": kit.name, "size_bytes": kit.size_bytes, "until": kit.ends_at.isoformat(timespec="seconds")}
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(f"{kit.name}  {kit.size_bytes} bytes  until {kit.ends_at:%Y-%m-%d %H:%M} UTC")


@hospital_commands.command("check-exit-kit")
@click.argument("path", type=click.Path(path_type=Path))
@as_json
@explains_errors
def check_exit_kit(path: Path, as_json: bool) -> None:
    """Recompute every checksum and count of a kit; exit code 5 with what is wrong."""
    try:
        manifest = check_kit(path, _Telling())
    except KitDamaged as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        fail(f"{len(error.faults)} faults: the kit is not whole", Exit.CHECK_FAILED, str(error.remedy))
    rows = sum(manifest["rows"].values())
    put({"hospital": manifest["hospital"]["code"], "entries": len(manifest["entries"]), "rows": rows}, as_json=as_json)


class _Telling:
    """Says each part once, on stderr."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, _done: int, _total: int, what: str) -> None:
        if what != self._last:
            self._last = what
            click.echo(what, err=True)
