"""`flask hospital …`: one hospital at a time. Each command calls one operation."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup

from app.cli.following import showing
from app.cli.outcomes import Exit, confirm_code, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.domain.identity.administrators import first_administrator
from app.tenancy.domains import parse_domain
from app.tenancy.errors import HospitalExists
from app.tenancy.fleet import list_all
from app.tenancy.health import HealthReading, check_all, check_one
from app.tenancy.ledger.queries import find_newest
from app.tenancy.making import provision_hospital
from app.tenancy.models import HealthStatus, Hospital, HospitalStatus
from app.tenancy.operations import resume_hospital, suspend_hospital
from app.tenancy.provisioning import CREATE, FirstAdministrator, HospitalRequest, request_hospital
from app.tenancy.queries import get_hospital, list_checks, list_runs

ACTOR = system_actor("command line")
PASSWORD_VARIABLE = "VIEN_ADMINISTRATOR_PASSWORD"  # noqa: S105

hospital_commands = AppGroup("hospital", help="Hospitals, one at a time.")
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def confirmed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of acts that people notice."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--confirm", "typed", help="With --yes: the code once more."),
        click.option("--yes", is_flag=True, help="Do not ask; needs --confirm CODE."),
    ):
        command = option(command)
    return command


@hospital_commands.command("create")
@click.argument("code")
@click.option("--name", required=True, help="Full legal name.")
@click.option("--display-name", help="The name people see; the full one where not given.")
@click.option("--domain", default="", help="A domain of the hospital's own.")
@click.option("--administrator", help=f"Sign-in name of the first administrator; password in {PASSWORD_VARIABLE}.")
@click.option("--administrator-email", help="Where an invitation goes; without it a first password is asked for.")
@click.option("--administrator-name", default="", help="The administrator's full name.")
@click.option("--plan", default="standard", show_default=True)
@click.option("--cluster", help="The database server to place it on; without it the region's with the most room.")
@click.option("--region", default="vn", show_default=True)
@click.option("--locale", type=click.Choice(["vi", "en"]), default="vi", show_default=True)
@as_json
@explains_errors
def create(
    *,
    code: str,
    name: str,
    display_name: str | None,
    domain: str,
    administrator: str | None,
    administrator_name: str,
    administrator_email: str | None,
    plan: str,
    cluster: str | None,
    region: str,
    locale: str,
    as_json: bool,
) -> None:
    """Create a hospital with a database of its own, or finish one that was begun."""
    if not _is_begun(code):
        request = HospitalRequest(
            code=code,
            name=name,
            display_name=display_name or name,
            custom_domain=parse_domain(domain, current_app.extensions["settings"]),
            administrator=_administrator(administrator, administrator_name, administrator_email),
            plan=plan,
            region=region,
            locale=locale,
            cluster=cluster,
        )
        with unit_of_work():
            request_hospital(ACTOR, request)
    with showing(CREATE) as listener:
        provision_hospital(ACTOR, code, listener)
    put({"code": code, "status": HospitalStatus.ACTIVE.value}, as_json=as_json)


@hospital_commands.command("list")
@as_json
@explains_errors
def list_command(as_json: bool) -> None:
    """List the hospitals, the worst first."""
    with unit_of_work():
        rows = list_all()
    for row in rows:
        facts = {
            "code": row.code,
            "name": row.display_name,
            "status": row.status.value,
            "condition": row.condition,
            "revision": row.revision,
        }
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(f"{row.code:<20} {row.condition:<14} {row.revision or '-':<8} {row.display_name}")


@hospital_commands.command("show")
@click.argument("code")
@as_json
@explains_errors
def show(code: str, as_json: bool) -> None:
    """Show one hospital: what it is, how it was checked last, how it was synced last."""
    with unit_of_work():
        hospital = get_hospital(code)
        check = next(iter(list_checks(hospital.id, limit=1)), None)
        run = next(iter(list_runs(hospital.id, limit=1)), None)
        making = find_newest(CREATE, hospital.id)
        stopped = making.failed_step if making else None
        facts = {
            "code": hospital.code,
            "name": hospital.name,
            "display_name": hospital.display_name,
            "status": hospital.status.value,
            "status_reason": hospital.status_reason,
            "archived_at": hospital.archived_at.isoformat() if hospital.archived_at else None,
            "delete_after": hospital.delete_after.isoformat() if hospital.delete_after else None,
            "deleted_at": hospital.deleted_at.isoformat() if hospital.deleted_at else None,
            "custom_domain": hospital.custom_domain,
            "revision": hospital.schema_revision,
            "health": check.status.value if check else None,
            "checked_at": check.checked_at.isoformat() if check else None,
            "last_sync": run.status.value if run else None,
            "synced_at": run.finished_at.isoformat() if run and run.finished_at else None,
            "failed_step": f"{stopped.name}: {stopped.error}" if stopped else None,
        }
    put(facts, as_json=as_json)


@hospital_commands.command("check")
@click.argument("code", required=False)
@as_json
@explains_errors
def check(code: str | None, as_json: bool) -> None:
    """Ask a hospital's database how it is, or every hospital's; exit code 5 where one is down."""
    readings = check_all() if code is None else [check_one(code)]
    for reading in readings:
        _put_reading(reading, as_json=as_json)
    down = [reading.code for reading in readings if reading.status is HealthStatus.DOWN]
    if down:
        fail(f"down: {', '.join(down)}", Exit.CHECK_FAILED, f"See: flask hospital show {down[0]}")


@hospital_commands.command("suspend")
@click.argument("code")
@click.option("--reason", required=True, help="Shown to operators and kept in the audit log.")
@confirmed
@explains_errors
def suspend(code: str, reason: str, yes: bool, typed: str | None, dry_run: bool) -> None:
    """Stop serving a hospital, from the next request on. Its data is kept."""
    with unit_of_work():
        hospital = get_hospital(code)
        if dry_run:
            click.echo(f"{code} would be suspended; it is {hospital.status.value} now")
            return
    confirm_code(code, yes=yes, confirmed=typed)
    with unit_of_work():
        suspend_hospital(ACTOR, code, reason)
    click.echo(code)


@hospital_commands.command("resume")
@click.argument("code")
@explains_errors
def resume(code: str) -> None:
    """Let a suspended hospital serve again."""
    with unit_of_work():
        resume_hospital(ACTOR, code)
    click.echo(code)


def _is_begun(code: str) -> bool:
    """Tell whether a hospital waits to be finished; raises HospitalExists for one that is."""
    with unit_of_work() as session:
        status = session.scalar(sa.select(Hospital.status).where(Hospital.code == code))
    if status not in (None, HospitalStatus.PROVISIONING):
        raise HospitalExists
    return status is not None


def _administrator(username: str | None, full_name: str, email: str | None) -> FirstAdministrator | None:
    if username is None:
        return None
    if email:
        return first_administrator(username=username, full_name=full_name or username, email=email)
    password = os.environ.get(PASSWORD_VARIABLE) or click.prompt(
        "First password", hide_input=True, confirmation_prompt=True, err=True
    )
    return first_administrator(username=username, full_name=full_name or username, password=password)


def _put_reading(reading: HealthReading, *, as_json: bool) -> None:
    if as_json:
        put(
            {
                "code": reading.code,
                "status": reading.status.value,
                "response_ms": reading.response_ms,
                **reading.details,
                "error": reading.error,
            },
            as_json=True,
        )
        return
    answer = f"{reading.response_ms} ms" if reading.response_ms is not None else reading.error
    click.echo(f"{reading.code:<20} {reading.status.value:<9} {answer}")
