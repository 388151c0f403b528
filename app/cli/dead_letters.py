"""`flask platform dead-letters list|retry|dismiss`: work that was given up, as in the operators' portal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from app.cli.outcomes import Exit, explains_errors, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.dead_letters import (
    LetterFilter,
    dismiss_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from app.tenancy.models import DeadLetterState, LetterSource
from app.tenancy.queries import get_hospital

ACTOR = system_actor("command line")

letter_ids = click.argument("letter_ids", type=click.UUID, nargs=-1)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@platform_commands.group("dead-letters")
def dead_letter_commands() -> None:
    """Work that was given up."""


@dead_letter_commands.command("list")
@click.option("--hospital", "code", help="Of this hospital only.")
@click.option("--name", default="", help="Of this work only.")
@click.option("--source", type=click.Choice([source.value for source in LetterSource]))
@click.option("--state", type=click.Choice([*(state.value for state in DeadLetterState), "all"]), default="open")
@as_json
@explains_errors
def list_letters(code: str | None, name: str, source: str | None, state: str, as_json: bool) -> None:
    """List what was given up, the newest first; of very many the newest."""
    with unit_of_work():
        wanted = LetterFilter(
            state=None if state == "all" else DeadLetterState(state),
            source=LetterSource(source) if source else None,
            name=name,
            hospital_id=get_hospital(code).id if code else None,
        )
        rows = [_facts(row) for row in list_dead_letters(wanted).items]
    for facts in rows:
        if as_json:
            put(facts, as_json=True)
        else:
            words = (facts["id"], facts["state"], facts["name"], facts["hospital"] or "-", facts["last_at"])
            click.echo("  ".join((*words, f"{facts['attempts']} x", facts["reason"])))


@dead_letter_commands.command("retry")
@letter_ids
@click.option("--all", "everything", is_flag=True, help="All that are open; with --name, those of this work.")
@click.option("--name", default="", help="With --all: of this work only.")
@explains_errors
def retry(letter_ids: tuple[UUID, ...], everything: bool, name: str) -> None:
    """Ask workers to do it again."""
    if everything == bool(letter_ids):
        raise click.UsageError("Name letters, or give --all.")
    refused = 0
    for letter_id in letter_ids or _open_letters(name):
        try:
            with unit_of_work():
                retry_dead_letter(ACTOR, letter_id)
        except VienError as error:
            refused += 1
            click.echo(f"{letter_id}: {error}", err=True)
        else:
            click.echo(str(letter_id))
    if refused:
        raise click.exceptions.Exit(Exit.SOME_FAILED)


@dead_letter_commands.command("dismiss")
@click.argument("letter_id", type=click.UUID)
@click.option("--reason", required=True, help="Why it need not be done.")
@explains_errors
def dismiss(letter_id: UUID, reason: str) -> None:
    """Say why it need not be done."""
    with unit_of_work():
        dismiss_dead_letter(ACTOR, letter_id, reason)
    click.echo(str(letter_id))


def _open_letters(name: str) -> list[UUID]:
    """Return the ids of all open letters; they are read before the first of them closes."""
    found: list[UUID] = []
    with unit_of_work():
        page = list_dead_letters(LetterFilter(name=name))
        for number in range(1, page.pages + 1):
            found += [row.id for row in list_dead_letters(LetterFilter(name=name), number).items]
    return found


def _facts(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "source": row.source.value,
        "name": row.name,
        "hospital": row.hospital_code,
        "reason": row.reason,
        "attempts": row.attempts,
        "state": row.state.value,
        "last_at": row.last_at.isoformat(timespec="seconds"),
    }
