"""Long work on the command line: performed here or left to a worker, with its progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli.outcomes import Exit, fail
from app.core.actor import system_actor
from app.core.unit_of_work import unit_of_work
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import OperationEnded, OperationTaken
from app.tenancy.ledger.kinds import kind_named
from app.tenancy.ledger.performing import Listener, perform
from app.tenancy.ledger.performing import Progress as Heard
from app.tenancy.ledger.queries import get_operation
from app.tenancy.ledger.requests import cancel_operation
from app.tenancy.models import Operation, OperationState

LOOK_EVERY = 0.5


def performed(request: Callable[[bool], Operation], *, detach: bool = False) -> dict[str, Any]:
    """Ask for long work and perform it here, showing how far it is; with `detach` leave it to a worker.

    Where something else is done to the hospital it is not left waiting: raises HospitalBusy.
    `request` is given whether a worker should be woken. Returns what came of it, or the operation's id.
    """
    with unit_of_work():
        wanted = request(detach)
        operation_id, kind = wanted.id, wanted.kind
    if detach:
        return {"operation": str(operation_id)}
    try:
        with showing(kind) as listener:
            return perform(operation_id, listener)
    except OperationTaken:  # a worker was faster
        return follow(operation_id)
    except HospitalBusy:  # who was told that it could not be done does not expect it to be done later
        with suppress(OperationEnded, OperationTaken), unit_of_work():
            cancel_operation(system_actor("command line"), operation_id)
        raise


def follow(operation_id: UUID) -> dict[str, Any]:
    """Show work that a worker does until it ends; return what came of it, or fail as it failed."""
    with unit_of_work():
        kind = get_operation(operation_id).row.kind
    with showing(kind) as listener:
        while True:
            with unit_of_work():
                shown = get_operation(operation_id)
            running = next((step.name for step in shown.steps if step.state == "running"), None)
            listener(Heard(running, shown.row.done, shown.row.total, shown.row.note))
            if not shown.moving:
                break
            time.sleep(LOOK_EVERY)
    if shown.row.state is OperationState.SUCCEEDED:
        return dict(shown.row.result)
    if shown.row.state is OperationState.CANCELLED:
        fail("the work was cancelled", Exit.FAILED, f"Take it up again: flask platform retry {operation_id}")
    return fail(shown.row.error or "the work failed", Exit.FAILED, shown.row.remedy or "")


class showing:  # noqa: N801
    """`with showing(kind) as listener:` a bar on a terminal, a line per step elsewhere; on stderr."""

    def __init__(self, kind: str) -> None:
        self._labels = kind_named(kind).steps
        self._bar: Progress | None = None
        self._last: tuple[str | None, str | None] = (None, None)

    def __enter__(self) -> Listener:
        if not sys.stderr.isatty():
            return self._line
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task("…", total=None, note="")
        return self._draw

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _label(self, step: str | None) -> str:
        return str(self._labels.get(step, step)) if step else "…"

    def _draw(self, heard: Heard) -> None:
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=self._label(heard.step),
                completed=heard.done,
                total=heard.total,
                note=heard.note or "",
            )

    def _line(self, heard: Heard) -> None:
        if (heard.step, heard.note) != self._last and (heard.step or heard.note):
            self._last = (heard.step, heard.note)
            click.echo(f"{self._label(heard.step)}{f': {heard.note}' if heard.note else ''}", err=True)
