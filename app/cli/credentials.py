"""Credentials and keys: rotating them, counting what is under which key, checks of isolation and of orphans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from app.cli.fleet import fleet_commands
from app.cli.following import performed
from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.crypto import Keyring
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import platform_keyring
from app.tenancy.credentials.errors import SomeFailed
from app.tenancy.credentials.findings import stored_findings
from app.tenancy.credentials.isolation import CHECK_ISOLATION, find_latest_check
from app.tenancy.credentials.keys import BACKUPS, count_key_use
from app.tenancy.credentials.orphans import DATABASE, Orphan, drop_orphans, find_orphans
from app.tenancy.credentials.rekeying import REKEY
from app.tenancy.credentials.rotation import ROTATE_FLEET, ROTATE_HOSPITAL
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Operation
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

as_json = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")


@hospital_commands.command("rotate-credentials")
@click.argument("code")
@detach
@as_json
@explains_errors
def rotate_hospital(code: str, detach: bool, as_json: bool) -> None:
    """Give a hospital's database a new role and password. No request fails; the old role is dropped later."""

    def request(wake: bool) -> Operation:
        return request_operation(ACTOR, ROTATE_HOSPITAL, hospital=get_hospital(code), wake=wake)

    put({"code": code, **performed(request, detach=detach)}, as_json=as_json)


@fleet_commands.command("rotate-credentials")
@detach
@as_json
@explains_errors
def rotate_fleet(detach: bool, as_json: bool) -> None:
    """Give every hospital's database a new role and password; exit code 4 where some keep the old ones."""
    put(_performed_for_most(ROTATE_FLEET, detach=detach), as_json=as_json)


@fleet_commands.command("check-isolation")
@click.option("--full", is_flag=True, help="Try every role against every database, not against a sample.")
@detach
@as_json
@explains_errors
def check_isolation(full: bool, detach: bool, as_json: bool) -> None:
    """Prove that no hospital's role reaches another's database; exit code 5 with what was found."""
    result = performed(
        lambda wake: request_operation(ACTOR, CHECK_ISOLATION, arguments={"full": full}, wake=wake), detach=detach
    )
    if not result.get("findings"):
        put(result, as_json=as_json)
        return
    with unit_of_work():
        check = find_latest_check()
        findings = stored_findings(check.findings) if check else []
    for finding in findings:
        if as_json:
            put({**finding.as_row(), "words": finding.words()}, as_json=True)
        else:
            click.echo(f"{finding.server}  {finding.words()}")
    fail(f"{result['findings']} findings: isolation is broken", Exit.CHECK_FAILED, findings[0].remedy())


@fleet_commands.command("check-orphans")
@click.option("--drop", is_flag=True, help="Drop the roles, and the databases named by --database.")
@click.option("--database", "databases", multiple=True, help="With --drop: this database too; may be given again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@explains_errors
def check_orphans(*, drop: bool, databases: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """List databases and roles on our servers that no hospital has; exit code 5 where there are any."""
    orphans = find_orphans()
    for orphan in orphans:
        _put_orphan(orphan, as_json=as_json)
    if not orphans:
        click.echo("no orphans", err=True)
        return
    if not drop:
        fail(f"{len(orphans)} orphans", Exit.CHECK_FAILED, "Drop them with --drop, databases with --database NAME.")
    if not yes and not click.confirm(f"Drop orphaned roles, and {len(databases)} databases with all data?", err=True):
        fail("nothing was dropped", Exit.USAGE)
    dropped = drop_orphans(ACTOR, orphans, databases=frozenset(databases))
    click.echo(f"{len(dropped)} dropped, {len(orphans) - len(dropped)} left", err=True)


@platform_commands.command("rekey")
@detach
@as_json
@explains_errors
def rekey(detach: bool, as_json: bool) -> None:
    """Encrypt every sealed value anew under the first key of VIEN_KEYS; exit code 4 where some are left."""
    put(_performed_for_most(REKEY, detach=detach), as_json=as_json)


@platform_commands.command("keys")
@as_json
@explains_errors
def keys(as_json: bool) -> None:
    """Count what is encrypted under which key; a key that counts nothing may be taken out of VIEN_KEYS."""
    keyring = platform_keyring()
    use = count_key_use()
    for key_id, columns in use.by_key(keyring.active_id, keyring.ids).items():
        known = _state_of(key_id, keyring, columns)
        if as_json:
            put({"key": key_id, "state": known, "total": sum(columns.values()), **columns}, as_json=True)
        else:
            told = ", ".join(f"{label} {count}" for label, count in columns.items()) or "nothing"
            click.echo(f"{key_id:<20} {known:<8} {told}")
    unreached = use.unreached | dict.fromkeys(use.archived, "archived, its database is closed")
    if unreached:
        named = "; ".join(f"{code}: {why}" for code, why in unreached.items())
        fail(f"not counted: {named}", Exit.SOME_FAILED, "Take no key out of VIEN_KEYS before all are counted.")


def _state_of(key_id: str, keyring: Keyring, columns: dict[str, int]) -> str:
    if key_id in keyring.ids:
        return "active" if key_id == keyring.active_id else "kept"
    return "backups" if set(columns) <= {BACKUPS} else "MISSING"


def _performed_for_most(kind: str, *, detach: bool) -> dict[str, Any]:
    """Perform work over many hospitals; leave with the code for some-failed where some were left out."""
    request: Callable[[bool], Operation] = lambda wake: request_operation(ACTOR, kind, wake=wake)  # noqa: E731
    try:
        return performed(request, detach=detach)
    except SomeFailed as error:
        fail(str(error), Exit.SOME_FAILED, str(error.remedy))


def _put_orphan(orphan: Orphan, *, as_json: bool) -> None:
    if as_json:
        facts = {"server": orphan.server, "kind": orphan.kind, "name": orphan.name, "hospital": orphan.whose}
        put({**facts, "size_bytes": orphan.size_bytes, "opens": list(orphan.opens)}, as_json=True)
        return
    about = f"of {orphan.whose or 'nobody'}" if orphan.kind == DATABASE else f"opens {', '.join(orphan.opens) or '-'}"
    click.echo(f"{orphan.server:<12} {orphan.kind:<9} {orphan.name:<24} {about}")
