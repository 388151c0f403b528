"""`flask hospital work …`: a hospital's own long work, the same rows as in its portal.

Files that leave this way hold patients' data: they are written for the account of the command only (mode 0600).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click

from app.cli.hospital import hospital_commands
from app.cli.outcomes import Exit, explains_errors, fail, put
from app.core.actor import system_actor
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.longwork import registered  # noqa: F401 (it knows the kinds)
from app.domain.longwork.errors import DoneBefore, WorkCancelled, WorkTaken
from app.domain.longwork.exports import APPOINTMENTS, PATIENTS, check_form, check_period
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkState
from app.domain.longwork.performing import Heard, perform_work
from app.domain.longwork.queries import fetch_file, get_work, list_work
from app.domain.longwork.requests import cancel_work, request_work, retry_work
from app.domain.longwork.sent_files import begin_import, open_source, send_patients
from app.tenancy.binding import bind_hospital

ACTOR = system_actor("command line")
LOOK_EVERY = 0.5

code = click.argument("code")
work_id = click.argument("work_id", type=click.UUID)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
detach = click.option("--detach", is_flag=True, help="Leave it to a worker.")
a_file = click.Path(dir_okay=False, path_type=Path)
to_file = click.option("--to", "target", type=a_file, help="Where to write the file.")
form = click.option("--form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)


@hospital_commands.group("work")
def work_commands() -> None:
    """Exports, imports and other long work of a hospital."""


@work_commands.command("list")
@code
@as_json
@explains_errors
def list_command(code: str, as_json: bool) -> None:
    """List a hospital's long work, the newest first."""
    with bind_hospital(code), unit_of_work():
        rows = [_facts(row) for row in list_work().items]
    for facts in rows:
        if as_json:
            put(facts, as_json=True)
        else:
            click.echo(
                f"{facts['id']}  {facts['state']:<10} {facts['kind']:<20} {facts['done']:>8} {facts['asked_for']}"
                f"  {facts['by']}  {facts['error'] or ''}"
            )


@work_commands.command("show")
@code
@work_id
@click.option("--follow", is_flag=True, help="Until it ends.")
@as_json
@explains_errors
def show_command(code: str, work_id: UUID, follow: bool, as_json: bool) -> None:
    """Show one piece of long work, or follow it until it ends."""
    with bind_hospital(code):
        if follow:
            _follow(work_id)
        with unit_of_work():
            shown = get_work(work_id)
            facts = _facts(shown.row) | {"result": shown.row.result}
            notes = [f"row {note.number}: {note.outcome.value}: {note.reason}" for note in shown.refused]
    put(facts, as_json=as_json)
    for note in notes if not as_json else ():
        click.echo(note)


@work_commands.command("cancel")
@code
@work_id
@explains_errors
def cancel_command(code: str, work_id: UUID) -> None:
    """Stop long work behind its present batch, or before it begins."""
    with bind_hospital(code), unit_of_work():
        cancel_work(ACTOR, work_id)
    click.echo(str(work_id))


@work_commands.command("retry")
@code
@work_id
@detach
@as_json
@explains_errors
def retry_command(code: str, work_id: UUID, detach: bool, as_json: bool) -> None:
    """Take failed or cancelled work up again where it stopped."""
    with bind_hospital(code):
        put(_performed(lambda: retry_work(ACTOR, work_id, wake=detach), detach=detach), as_json=as_json)


@work_commands.command("fetch")
@code
@work_id
@click.option("--rows", is_flag=True, help="The rows that an import did not take, instead of the result.")
@to_file
@explains_errors
def fetch_command(code: str, work_id: UUID, rows: bool, target: Path | None) -> None:
    """Write what came of long work into a file, or to stdout."""
    with bind_hospital(code):
        _write(work_id, FilePurpose.REFUSED if rows else FilePurpose.RESULT, target)


@work_commands.command("export-patients")
@code
@form
@to_file
@detach
@as_json
@explains_errors
def export_patients_command(code: str, form: str, target: Path | None, detach: bool, as_json: bool) -> None:
    """Export a hospital's patients; confidential ones are left out."""
    arguments = {"form": check_form(form)}
    _export(code, PATIENTS, arguments, target, detach=detach, as_json=as_json)


@work_commands.command("export-visits")
@code
@click.option("--since", required=True, metavar="YYYY-MM-DD", help="First day.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="Last day.")
@form
@to_file
@detach
@as_json
@explains_errors
def export_visits_command(
    *, code: str, since: str, until: str, form: str, target: Path | None, detach: bool, as_json: bool
) -> None:
    """Export the visits of a period; those of confidential patients are left out."""
    arguments = check_period(_day(since), _day(until)) | {"form": check_form(form)}
    _export(code, APPOINTMENTS, arguments, target, detach=detach, as_json=as_json)


@work_commands.command("import-patients")
@code
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=HEADER", help="Which column has what.")
@click.option("--errors", "target", type=a_file, help="Where rows not taken go.")
@detach
@as_json
@explains_errors
def import_patients_command(
    *, code: str, file: BinaryIO, dry_run: bool, columns: tuple[str, ...], target: Path | None, detach: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Register the people of a CSV file whom the hospital does not know; exit code 4 where rows were not taken."""
    with bind_hospital(code):
        name = Path(getattr(file, "name", "") or "patients.csv").name
        work_id = send_patients(ACTOR, name, file, locale="en").id
        chosen = _columns(work_id, columns)
        try:
            result = _performed(
                lambda: begin_import(ACTOR, work_id, chosen, dry_run=dry_run, wake=detach), detach=detach
            )
        except DoneBefore as error:
            fail(str(error), Exit.FAILED, f"flask hospital work show {code} {error.work_id}")
        not_taken = result.get("refused", 0) + result.get("duplicate", 0)
        if not_taken and target:
            _write(work_id, FilePurpose.REFUSED, target)
    put({"work": str(work_id), **result}, as_json=as_json)
    if result.get("refused"):
        raise click.exceptions.Exit(int(Exit.SOME_FAILED))


def _export(
    code: str, kind: str, arguments: dict[str, Any], target: Path | None, *, detach: bool, as_json: bool
) -> None:
    with bind_hospital(code):
        asked: list[UUID] = []

        def ask() -> LongWork:
            work = request_work(ACTOR, kind, arguments=arguments, locale="en", wake=detach)
            asked.append(work.id)
            return work

        result = _performed(ask, detach=detach)
        if target and not detach:
            _write(asked[0], FilePurpose.RESULT, target)
    put({"work": str(asked[0]), **result}, as_json=as_json)


def _performed(request: Callable[[], LongWork], *, detach: bool) -> dict[str, Any]:
    """Ask for work and perform it here, showing how far it is; with `detach` leave it to a worker."""
    with unit_of_work():
        work_id = request().id
    if detach:
        return {"state": LongWorkState.QUEUED.value}
    while True:
        try:
            with _showing() as listener:
                return perform_work(work_id, listener)
        except WorkTaken:
            with unit_of_work():
                waits = get_work(work_id).row.state is LongWorkState.QUEUED
            if not waits:  # a worker was faster
                return _follow(work_id)
            time.sleep(LOOK_EVERY)  # another of its kind goes on
        except WorkCancelled:
            fail("the work was cancelled", Exit.FAILED, f"Take it up again: flask hospital work retry CODE {work_id}")


def _follow(work_id: UUID) -> dict[str, Any]:
    """Show work that a worker does until it ends; return what came of it, or fail as it failed."""
    with _showing() as listener:
        while True:
            with unit_of_work():
                shown = get_work(work_id)
                row, moving = shown.row, shown.moving
                state, result, cause, remedy = row.state, dict(row.result), row.error, row.remedy
                heard = Heard(row.done, row.total)
            listener(heard)
            if not moving:
                break
            time.sleep(LOOK_EVERY)
    if state is LongWorkState.FAILED:
        fail(cause or "the work failed", Exit.FAILED, remedy or "")
    return result


@contextmanager
def _showing() -> Iterator[Callable[[Heard], None]]:
    """Say on stderr how far it is: in one line on a terminal, at every tenth elsewhere."""
    last = -1

    def tell(heard: Heard) -> None:
        nonlocal last
        tenth = heard.done * 10 // heard.total if heard.total else heard.done
        words = f"{heard.done} of {heard.total}" if heard.total is not None else f"{heard.done} done"
        if sys.stderr.isatty():
            click.echo(f"\r{words}   ", err=True, nl=False)
        elif tenth != last:
            click.echo(words, err=True)
        last = tenth

    yield tell
    if sys.stderr.isatty():
        click.echo("", err=True)


def _write(work_id: UUID, purpose: FilePurpose, target: Path | None) -> None:
    with unit_of_work():
        _name, _media_type, _size, content = fetch_file(ACTOR, work_id, purpose)
    if target is None:
        for piece in content:
            sys.stdout.buffer.write(piece)
        return
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(content)


def _columns(work_id: UUID, said: tuple[str, ...]) -> dict[str, int]:
    """Return which column has what: as the headers say, and as is said here, by header or number."""
    with unit_of_work():
        header = open_source(work_id)[0].header
        columns = dict(get_work(work_id).row.arguments["columns"])
    for one in said:
        field, _equals, name = one.partition("=")
        if name not in header:
            raise InvalidValue(f"The file has no column {name!r}; it has: {', '.join(header)}")
        columns[field] = header.index(name)
    return columns


def _facts(row: Any) -> dict[str, Any]:
    at: datetime = row.requested_at
    return {
        "id": str(row.id), "kind": row.kind, "state": row.state.value, "done": row.done, "total": row.total,
        "asked_for": at.isoformat(timespec="seconds"), "by": row.requested_by_name, "error": row.error,
    }  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no day such as 2026-11-21") from None
