"""Work that was given up, on the command line."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from click.testing import Result
from flask import Flask

from app.core.ids import new_id
from app.core.queue import queue_named, redis_connection
from app.tenancy.dead_letters import get_dead_letter, put_dead_letter
from app.tenancy.models import DeadLetterState, LetterSource


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["platform", "dead-letters", *arguments])


def give_up(app: Flask, name: str = "sync_hospital", **facts: Any) -> UUID:
    with app.app_context():
        return put_dead_letter(LetterSource.JOB, name, reason="timeout", **facts)


def test_letters_are_listed_done_again_and_dismissed(app: Flask) -> None:
    first, second, strange = give_up(app, hospital="alpha"), give_up(app, hospital="beta"), give_up(app, "strange")
    rows = [json.loads(line) for line in run(app, "list", "--hospital", "alpha", "--json").output.splitlines()]
    assert [(row["id"], row["reason"], row["attempts"]) for row in rows] == [(str(first), "timeout", 1)]
    with app.app_context():
        redis_connection().flushdb()
    done = run(app, "retry", "--all")
    assert done.exit_code == 4
    assert {str(first), str(second)} <= set(done.output.split())
    with app.app_context():
        assert queue_named("hospital").count == 2
        redis_connection().flushdb()
    assert run(app, "dismiss", str(strange), "--reason", "of an older release").exit_code == 0
    with app.app_context():
        assert get_dead_letter(strange).state is DeadLetterState.DISMISSED
    assert run(app, "list").output == ""


def test_what_cannot_be_is_said_with_an_exit_code(app: Flask) -> None:
    assert run(app, "retry").exit_code == 2
    assert run(app, "retry", str(new_id())).exit_code == 4
    assert run(app, "dismiss", str(new_id()), "--reason", "x").exit_code == 3
    assert run(app, "list", "--hospital", "nowhere").exit_code == 3
