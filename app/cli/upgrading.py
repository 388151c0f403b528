"""`flask fleet status|migrate|quarantine` and `flask hospital migrate`: hospitals' databases and their revisions."""

from __future__ import annotations

from typing import Any

import click

from app.cli.fleet import fleet_commands
from app.cli.following import performed
from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import find_unfinished, request_operation
from app.tenancy.models import Operation
from app.tenancy.queries import get_hospital
from app.tenancy.upgrading.backing_up import ARGUMENTS, BACK_UP, check_backups
from app.tenancy.upgrading.errors import SomeNotMigrated
from app.tenancy.upgrading.planning import FleetRequest, plan
from app.tenancy.upgrading.quarantine import clear_quarantine, list_quarantined
from app.tenancy.upgrading.rehearsing import REHEARSE
from app.tenancy.upgrading.running import MIGRATE_FLEET, request_fleet_migration
from app.tenancy.upgrading.scripts import between
from app.tenancy.upgrading.single import request_migration
from app.tenancy.upgrading.state import fleet_state, verify_revisions

ACTOR = system_actor("command line")
DURATION = {"ms": 1, "s": 1_000, "min": 60_000}

as_json = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")


class Duration(click.ParamType[int]):
    """A length of time such as 500ms, 5s or 10min; milliseconds for who asks."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds of `5s`."""
        if isinstance(value, int):
            return value
        number = value.rstrip("abcdefghijklmnopqrstuvwxyz ")
        unit = value[len(number) :].strip() or "s"
        if not number.isdigit() or unit not in DURATION or int(number) == 0:
            self.fail(f"{value!r} is no length of time: give 500ms, 5s or 10min", param, ctx)
        return int(number) * DURATION[unit]


@fleet_commands.command("status")
@click.option("--verify", is_flag=True, help="Ask every database, and correct the register.")
@as_json
@explains_errors
def status(verify: bool, as_json: bool) -> None:
    """Say how many hospitals are at which revision, who is behind and who is in quarantine; one query."""
    if verify:
        _verify()
    with unit_of_work():
        state = fleet_state()
    facts = {
        "newest": state.newest,
        "hospitals": state.hospitals,
        "revisions": {revision or "unknown": count for revision, count in state.revisions.items()},
        "behind": list(state.behind),
        "quarantined": state.quarantined,
    }
    if as_json:
        put(facts, as_json=True)
        return
    for revision, count in state.revisions.items():
        mark = "behind" if state.is_behind(revision) else "newest" if revision == state.newest else "newer"
        click.echo(f"{revision or 'unknown':<10} {count:>6}  {mark}")
    click.echo(f"{len(state.behind)} of {state.hospitals} behind, {len(state.quarantined)} in quarantine")
    for code, reason in state.quarantined.items():
        click.echo(f"{code:<20} {reason}")


@fleet_commands.command("migrate")
@click.option("--to", default="", help="The revision; the newest unless given.")
@click.option("--canary", multiple=True, help="Goes first and may not fail; may be given again.")
@click.option("--canary-count", default=1, show_default=True, help="How many go first where none is named.")
@click.option("--wave", "waves", multiple=True, help="Sizes of the waves: 10 or 25%.  [default: 5% and 25%]")
@click.option("--budget", default="5%", show_default=True, help="How many may fail before it stops: 3 or 5%.")
@click.option("--parallel", default=4, show_default=True, help="How many at the same time, one connection each.")
@click.option("--lock-timeout", "lock_timeout_ms", type=Duration(), default="500ms", show_default=True)
@click.option("--statement-timeout", "statement_timeout_ms", type=Duration(), default="10min", show_default=True)
@click.option("--tries", default=5, show_default=True, help="How often one that is busy or locked is tried.")
@click.option("--only", multiple=True, help="This hospital only; may be given again.")
@click.option("--except", "leave_out", multiple=True, help="Not this hospital; may be given again.")
@click.option("--backup-first", is_flag=True, help="Back each hospital up right before.")
@click.option("--verify", is_flag=True, help="Ask every database first, instead of trusting the register.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; with --clone try it on a copy.")
@click.option("--clone", help="With --dry-run: the hospital whose copy is migrated.")
@detach
@as_json
@explains_errors
def migrate(
    *, verify: bool, dry_run: bool, clone: str | None, detach: bool, as_json: bool, waves: tuple[str, ...], **facts: Any
) -> None:
    """Upgrade every hospital that is behind: a canary, then waves; goes on where an earlier run was cut off.

    Exit code 4 where some were not upgraded, 6 where somebody else does it just now.
    """
    if waves:
        facts["waves"] = waves
    wanted = FleetRequest(**facts).checked()
    if verify:
        _verify()
    if clone:
        if not dry_run:
            fail("--clone needs --dry-run", Exit.USAGE)
        _rehearse(clone, wanted.to, detach=detach, as_json=as_json)
    elif dry_run:
        _put_plan(wanted, as_json=as_json)
    else:
        _migrate(wanted, detach=detach, as_json=as_json)


@hospital_commands.command("migrate")
@click.argument("code")
@click.option("--to", default="", help="The revision, newer or older; the newest unless given.")
@click.option("--backup-first", is_flag=True, help="Back it up right before.")
@detach
@as_json
@explains_errors
def migrate_one(*, code: str, to: str, backup_first: bool, detach: bool, as_json: bool) -> None:
    """Bring one hospital to a revision, up, or down where the way back is written."""
    if backup_first:
        check_backups()
        performed(
            lambda wake: request_operation(
                ACTOR, BACK_UP, hospital=get_hospital(code), arguments=dict(ARGUMENTS), wake=wake
            )
        )
    result = performed(lambda wake: request_migration(ACTOR, get_hospital(code), to, wake=wake), detach=detach)
    put({"code": code, **result}, as_json=as_json)


@fleet_commands.group("quarantine")
def quarantine() -> None:
    """Hospitals in which a migration failed, and which fleet migrations pass by."""


@quarantine.command("list")
@as_json
@explains_errors
def quarantine_list(as_json: bool) -> None:
    """List them with the reasons, the newest first."""
    with unit_of_work():
        rows = [dict(row._mapping) for row in list_quarantined()]
    for facts in rows:
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(f"{facts['code']:<20} {facts['schema_revision'] or '-':<8} {facts['quarantine_reason']}")
    if not rows:
        click.echo("nobody is in quarantine", err=True)


@quarantine.command("clear")
@click.argument("code")
@explains_errors
def quarantine_clear(code: str) -> None:
    """Let fleet migrations try a hospital again."""
    with unit_of_work():
        clear_quarantine(ACTOR, get_hospital(code))
    click.echo(code)


def _migrate(wanted: FleetRequest, *, detach: bool, as_json: bool) -> None:
    """Do it, or go on with what was cut off; raises OperationTaken where it is being done."""
    with unit_of_work():
        left = find_unfinished(MIGRATE_FLEET, None)
        unfinished = left.id if left is not None else None
    try:
        if unfinished is not None and not detach:
            click.echo(f"Going on with the migration {unfinished}, as it was asked for", err=True)
            put(perform(unfinished), as_json=as_json)
            return

        def request(wake: bool) -> Operation:
            return request_fleet_migration(ACTOR, wanted, wake=wake)

        put(performed(request, detach=detach), as_json=as_json)
    except SomeNotMigrated as error:
        fail(str(error), Exit.SOME_FAILED, str(error.remedy))


def _put_plan(wanted: FleetRequest, *, as_json: bool) -> None:
    with unit_of_work():
        planned = plan(wanted)
    for one in planned:
        steps = between(one.revision, wanted.to)
        if as_json:
            facts = {"wave": one.wave, "code": one.code, "from": one.revision, "to": wanted.to}
            put({**facts, "revisions": {step.name: step.title for step in steps}}, as_json=True)
        else:
            name = "canary" if one.wave == 0 else f"wave {one.wave}"
            click.echo(f"{name:<8} {one.code:<30} {one.revision or 'unknown'} → {wanted.to}")
    for step in between(min((one.revision or "" for one in planned), default=wanted.to), wanted.to):
        click.echo(f"{step.name}  {step.title}{' (contracts)' if step.contract else ''}", err=True)
    click.echo(f"{len(planned)} hospitals; nothing was changed", err=True)


def _rehearse(code: str, to: str, *, detach: bool, as_json: bool) -> None:
    result = performed(
        lambda wake: request_operation(ACTOR, REHEARSE, hospital=get_hospital(code), arguments={"to": to}, wake=wake),
        detach=detach,
    )
    put({"code": code, **result}, as_json=as_json)


def _verify() -> None:
    wrong, away = verify_revisions()
    for code, (noted, found) in wrong.items():
        click.echo(f"{code}: the register said {noted or 'nothing'}, the database says {found}; corrected", err=True)
    for code, why in away.items():
        click.echo(f"{code}: {why}", err=True)
