"""`flask platform gateway …`: seeing access rules, and coming in again, from a terminal of the installation."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.outcomes import Exit, explains_errors, fail, put
from app.cli.platform import platform_commands
from app.core import clock
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.domain.gateway.operations import own_rules
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.gateway import floors
from app.tenancy.gateway.addresses import parse_network
from app.tenancy.gateway.editing import NewAddressRule
from app.tenancy.gateway.opening import let_in, remove_all
from app.tenancy.gateway.owners import platform_rules, rules_about
from app.tenancy.gateway.store import gateway_store
from app.tenancy.gateway.trying import Editor, explain
from app.tenancy.models import AddressAction

ACTOR = system_actor("command line")
EDITOR = Editor(ACTOR, "admin")
PORTALS = click.Choice(["admin", "hospital", "patient"])

gateway_commands = AppGroup("gateway", help="Access rules: who comes in from where.")
platform_commands.add_command(gateway_commands)


@gateway_commands.command("show")
@click.option("--hospital", "code", help="The hospital; without one the whole platform.")
@click.option("--portal", type=PORTALS, help="By default admin, or hospital with --hospital.")
@click.option("--address", help="Say what would happen to this address, and by which rule.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@explains_errors
def show(*, code: str | None, portal: str | None, address: str | None, as_json: bool) -> None:
    """Show what counts in a portal, or what would happen to an address."""
    hospital = tenancy().registry.get_by_code(code) if code else None
    where = portal or ("hospital" if code else "admin")
    gateway = gateway_store().get(hospital, where)
    if address:
        verdict = explain(gateway, address)["verdict"]
        facts: dict[str, Any] = {
            "address": address,
            "comes_in": verdict.admitted,
            "said_by": verdict.level,
            "network": str(verdict.rule.network) if verdict.rule else None,
        }
    else:
        facts = {"portal": where, **floors.in_units(gateway, where)}
        for level in gateway.levels:
            rules = [f"{'allow' if r.allows else 'deny'} {r.network}" for table in level.tables for r in table.rules()]
            facts[f"{level.name}_rules"] = rules if as_json else (", ".join(rules[:50]) or None)
            facts[f"{level.name}_lists_only"] = level.listed_only
    put(facts, as_json=as_json)


@gateway_commands.command("allow")
@click.argument("address")
@click.option("--hospital", "code", help="Into this hospital's staff portal instead.")
@click.option("--hours", type=click.IntRange(1, 24 * 365), help="For so long; without it until it is taken away.")
@click.option("--reason", default="let in from the command line", show_default=True)
@explains_errors
def allow(*, address: str, code: str | None, hours: int | None, reason: str) -> None:
    """Let an address into the operators' portal (with --hospital: into that hospital's), whatever the web says.

    It takes away rules that refuse exactly this address, and adds one that lets it in, which is the most specific there
    is. It counts from the next request on.
    """
    network = parse_network(address)
    until = clock.now() + timedelta(hours=hours) if hours else None
    wanted = NewAddressRule(network, AddressAction.ALLOW, reason, "hospital" if code else "admin", until)
    with unit_of_work():
        removed = let_in(platform_rules(), EDITOR, wanted)
    if code is not None:
        with unit_of_work():
            removed += let_in(rules_about(tenancy().registry.get_by_code(code)), EDITOR, wanted)
        with bind_hospital(code), unit_of_work():
            removed += let_in(own_rules(), EDITOR, wanted)
    click.echo(json.dumps({"network": str(network), "rules_removed": removed}))


@gateway_commands.command("reset")
@click.option("--hospital", "code", help="Take away a hospital's own rules and the operators' about it.")
@click.option("--portal", type=PORTALS, help="Only those of one portal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@explains_errors
def reset(*, code: str | None, portal: str | None, yes: bool) -> None:
    """Take all access rules away: addresses, rates, other sites. Account policies stay."""
    if not yes and not click.confirm(f"Take away all access rules of {code or 'the whole platform'}?", err=True):
        fail("nothing was changed", Exit.USAGE)
    if code is None:
        with unit_of_work():
            removed = remove_all(platform_rules(), EDITOR, portal)
    else:
        with unit_of_work():
            removed = remove_all(rules_about(tenancy().registry.get_by_code(code)), EDITOR, portal)
        with bind_hospital(code), unit_of_work():
            removed += remove_all(own_rules(), EDITOR, portal)
    click.echo(json.dumps({"rules_removed": removed}))
