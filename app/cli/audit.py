"""`flask hospital audit` and `flask platform audit`: sealing the logs and checking them against their seals."""

from __future__ import annotations

from typing import Any

import click

from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.domain.audit.retention import Month, list_due_months, retire_due_months
from app.tenancy.binding import bind_hospital
from app.tenancy.models import AuditState
from app.tenancy.sealing.findings import Report
from app.tenancy.sealing.hospitals import seal_hospital, seal_platform, verify_hospital, verify_platform

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
REMEDY = "Keep this database as it is, compare with a backup, and follow docs/operations/audit.md."


@hospital_commands.group("audit")
def hospital_audit() -> None:
    """The audit and access logs of a hospital."""


@platform_commands.group("audit")
def platform_audit() -> None:
    """The platform's audit log."""


@hospital_audit.command("verify")
@click.argument("code")
@as_json
@explains_errors
def verify_hospital_command(code: str, as_json: bool) -> None:
    """Hold every row of a hospital's logs against the seals; exit code 5 where one was altered, removed or added."""
    _answer({"hospital": code}, verify_hospital(code), as_json=as_json)


@platform_audit.command("verify")
@as_json
@explains_errors
def verify_platform_command(as_json: bool) -> None:
    """Hold every row of the platform's log against the seals; exit code 5 where one does not fit."""
    _answer({}, verify_platform(), as_json=as_json)


@hospital_audit.command("seal")
@click.argument("code")
@as_json
@explains_errors
def seal_hospital_command(code: str, as_json: bool) -> None:
    """Seal a hospital's logs now instead of at the next round."""
    rows, goes_on = seal_hospital(code)
    put({"hospital": code, "rows": rows, "heads_go_on": goes_on}, as_json=as_json)
    if not goes_on:
        fail("the seals do not go on from those that the centre knows", Exit.CHECK_FAILED, REMEDY)


@platform_audit.command("seal")
@as_json
@explains_errors
def seal_platform_command(as_json: bool) -> None:
    """Seal the platform's log now instead of at the next round."""
    put({"rows": seal_platform()}, as_json=as_json)


@hospital_audit.command("retire")
@click.argument("code")
@click.option("--dry-run", is_flag=True, help="Only say which months would be dropped.")
@as_json
@explains_errors
def retire_command(code: str, dry_run: bool, as_json: bool) -> None:
    """Drop the months of a hospital's logs that are older than it keeps them; their seals stay."""
    months: list[tuple[Month, int | None]]
    with bind_hospital(code):
        if dry_run:
            with unit_of_work():
                months = [(month, None) for month in list_due_months()]
        else:
            months = list(retire_due_months(ACTOR))
    for month, rows in months:
        put({"log": month.log, "month": f"{month.begins:%Y-%m}", "rows": rows}, as_json=as_json)


def _answer(subject: dict[str, Any], report: Report, *, as_json: bool) -> None:
    facts = subject | report.facts()
    if as_json:
        put(facts, as_json=True)
    else:
        named, restored = facts.pop("named"), facts.pop("restored")
        put(facts | {"faults": ", ".join(f"{n} {fault}" for fault, n in report.counts.items()) or None}, as_json=False)
        for words in restored:
            click.echo(f"restored   {words}")
        for one in named:
            place = " ".join(str(one[part]) for part in ("partition", "id", "at") if one[part])
            click.echo(f"{one['fault']:<9}  {one['log']} seal {one['seal']} {place}")
    if report.state is AuditState.TAMPERED:
        fail("the log is not as it was sealed", Exit.CHECK_FAILED, REMEDY)
