"""`flask hospital archive|unarchive|delete|keep|abandon|certificate`: the end of a hospital, and ways back from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app.cli.following import performed
from app.cli.hospital import confirmed, hospital_commands
from app.cli.outcomes import Exit, confirm_code, explains_errors, fail, put
from app.core import clock
from app.core.actor import system_actor
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.ending.abandoning import request_abandoning
from app.tenancy.ending.archiving import request_archiving, request_unarchiving
from app.tenancy.ending.certificates import get_certificate, list_remaining_backups, verify, written
from app.tenancy.ending.deleting import DELETE, request_deletion, request_final
from app.tenancy.ending.errors import CertificateAltered
from app.tenancy.ledger.queries import find_newest
from app.tenancy.ledger.requests import retry_operation
from app.tenancy.models import Hospital, HospitalStatus, Operation, OperationState
from app.tenancy.operations import keep_hospital
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")


@hospital_commands.command("archive")
@click.argument("code")
@click.option("--reason", required=True, help="Kept in the audit log; operators read it.")
@detach
@confirmed
@as_json
@explains_errors
def archive(
    *, code: str, reason: str, detach: bool, yes: bool, typed: str | None, dry_run: bool, as_json: bool
) -> None:
    """Take a hospital out of service for long: a verified backup is kept for a year, and nothing can connect."""
    if _only_told(code, "would be backed up, archived and closed to every connection", dry_run=dry_run):
        return
    confirm_code(code, yes=yes, confirmed=typed)
    put(performed(lambda wake: request_archiving(ACTOR, code, reason, wake=wake), detach=detach), as_json=as_json)


@hospital_commands.command("unarchive")
@click.argument("code")
@detach
@as_json
@explains_errors
def unarchive(code: str, detach: bool, as_json: bool) -> None:
    """Bring a hospital back from the archive; it stays suspended until it is resumed."""
    put(performed(lambda wake: request_unarchiving(ACTOR, code, wake=wake), detach=detach), as_json=as_json)


@hospital_commands.command("delete")
@click.argument("code")
@click.option("--reason", help="Kept in the audit log and on the certificate. Not needed to go on with a deletion.")
@click.option("--destroy-backups", is_flag=True, help="With the hospital, all its backups.")
@detach
@confirmed
@as_json
@explains_errors
def delete(
    *,
    code: str,
    reason: str | None,
    destroy_backups: bool,
    detach: bool,
    yes: bool,
    typed: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Have a suspended or archived hospital deleted after the grace period; once that is over, delete it now.

    A deletion that stopped half-way is taken up where it stopped.
    """
    with unit_of_work():
        hospital = get_hospital(code)
        going_on, due = hospital.status is HospitalStatus.DELETED, _is_due(hospital)
        pending = hospital.delete_after
    if pending is not None and not due and not going_on:
        fail(f"{code} is to be deleted after {pending:%Y-%m-%d %H:%M} UTC", Exit.FAILED, f"flask hospital keep {code}")
    days = current_app.extensions["settings"].delete_grace_days
    told = "would be deleted now" if due or going_on else f"would be backed up, and deleted after {days} days"
    if _only_told(code, told + (", with all its backups" if destroy_backups else ""), dry_run=dry_run):
        return
    if not (due or going_on) and not reason:
        fail("say why: --reason", Exit.USAGE)
    confirm_code(code, yes=yes, confirmed=typed)

    def request(wake: bool) -> Operation:
        if going_on:
            return _taken_up(code, wake=wake)
        if due:
            return request_final(ACTOR, get_hospital(code), wake=wake)
        return request_deletion(ACTOR, code, reason or "", destroy=destroy_backups, wake=wake)

    put(performed(request, detach=detach), as_json=as_json)


@hospital_commands.command("keep")
@click.argument("code")
@explains_errors
def keep(code: str) -> None:
    """Take back that a hospital is to be deleted; possible until the grace period is over."""
    with unit_of_work():
        keep_hospital(ACTOR, code)
    click.echo(code)


@hospital_commands.command("abandon")
@click.argument("code")
@detach
@confirmed
@as_json
@explains_errors
def abandon(*, code: str, detach: bool, yes: bool, typed: str | None, dry_run: bool, as_json: bool) -> None:
    """Give up a hospital that could not be made: what was made is dropped, and the code is free again."""
    if _only_told(code, "would be given up, its database dropped and its code freed", dry_run=dry_run):
        return
    confirm_code(code, yes=yes, confirmed=typed)
    put(performed(lambda wake: request_abandoning(ACTOR, code, wake=wake), detach=detach), as_json=as_json)


@hospital_commands.command("certificate")
@click.argument("code")
@click.option("--verify", "verifies", is_flag=True, help="Check the signature instead of printing.")
@click.option("--file", "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="With --verify: it.")
@explains_errors
def certificate(code: str, verifies: bool, path: Path | None) -> None:
    """Print a deleted hospital's certificate as JSON, or verify it, or a file that claims to be it; exit code 5."""
    with unit_of_work():
        hospital = get_hospital(code)
        stored = None if path else written(get_certificate(hospital.id))
        remaining = list_remaining_backups(hospital.id)
    handed_out: Any = stored if path is None else _read(path)
    if not verifies:
        click.echo(json.dumps(handed_out, ensure_ascii=False, indent=1))
        return
    try:
        document = verify(handed_out)
    except CertificateAltered as error:
        fail(str(error), Exit.CHECK_FAILED, str(error.remedy))
    if document.get("hospital", {}).get("id") != str(hospital.id):
        fail(f"the certificate is genuine, but of another hospital than {code}", Exit.CHECK_FAILED)
    click.echo(f"genuine: {code} was deleted on {document['done']['closed_at']}; {len(remaining)} backups are left now")


def _read(path: Path) -> Any:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise CertificateAltered from None
    return read if isinstance(read, dict) else {}


def _only_told(code: str, what: str, *, dry_run: bool) -> bool:
    """Say what would be done, where only that is wanted; raises UnknownHospital."""
    with unit_of_work():
        status = get_hospital(code).status
    if dry_run:
        click.echo(f"{code} {what}; it is {status.value} now")
    return dry_run


def _is_due(hospital: Hospital) -> bool:
    return hospital.delete_after is not None and hospital.delete_after <= clock.now()


def _taken_up(code: str, *, wake: bool) -> Operation:
    """Return the deletion that stopped half-way, to go on."""
    hospital = get_hospital(code)
    shown = find_newest(DELETE, hospital.id)
    if shown is None or shown.row.state is OperationState.SUCCEEDED:
        fail(f"{code} is deleted already", Exit.FAILED, f"See: flask hospital certificate {code}")
    if shown.row.state in (OperationState.FAILED, OperationState.CANCELLED):
        return retry_operation(ACTOR, shown.row.id, wake=wake)
    return db.session.get_one(Operation, shown.row.id)
