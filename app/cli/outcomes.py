"""How commands end: an exit code for every kind of outcome, and an error that says cause and remedy."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import click
import psycopg
from flask_babel import force_locale
from sqlalchemy.exc import OperationalError

from app.core.errors import InvalidValue, NotFound, VienError
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import OperationCancelled, OperationTaken
from app.tenancy.ledger.performing import first_line

Command = TypeVar("Command", bound=Callable[..., Any])


class Exit(IntEnum):
    """What a shell script may rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    SOME_FAILED = 4
    CHECK_FAILED = 5
    LOCKED = 6


def explains_errors(command: Command) -> Command:
    """Turn the errors of operations into words on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        with force_locale("en"):
            try:
                return command(*args, **kwargs)
            except VienError as error:
                fail(str(error), _exit_of(error), remedy=str(error.remedy or ""))
            except OperationCancelled:
                fail("the work was cancelled", Exit.FAILED, "Take it up again: flask platform retry OPERATION")
            except (psycopg.OperationalError, OperationalError) as error:
                fail(f"a database does not answer: {first_line(error)}", Exit.FAILED, "Nothing is lost; try again.")

    return run  # type: ignore[return-value]


def fail(cause: str, code: Exit, remedy: str = "") -> NoReturn:
    """Say on stderr what went wrong and what to do, and leave with a code."""
    click.echo(f"Error: {cause}", err=True)
    if remedy:
        click.echo(remedy, err=True)
    raise click.exceptions.Exit(int(code))


def put(facts: dict[str, Any], *, as_json: bool) -> None:
    """Write one thing to stdout: as a line of JSON, or as its names and values."""
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, default=str))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {'-' if value is None else value}")


def confirm_code(code: str, *, yes: bool, confirmed: str | None) -> None:
    """Have the hospital's code typed before an act that people notice, or given with --yes --confirm CODE."""
    typed = (
        confirmed if yes else click.prompt(f"Type the code to go on ({code})", default="", show_default=False, err=True)
    )
    if typed != code:
        fail("the code was not confirmed; nothing was done", Exit.USAGE, f"Give --yes --confirm {code}, or type it.")


def _exit_of(error: VienError) -> Exit:
    if isinstance(error, NotFound):
        return Exit.NOT_FOUND
    if isinstance(error, HospitalBusy | OperationTaken):
        return Exit.LOCKED
    return Exit.USAGE if isinstance(error, InvalidValue) else Exit.FAILED
