"""`flask platform operations|follow|retry|cancel`: the same ledger as in the portal, with exit codes for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger import kinds
from app.tenancy.ledger.leases import claim_operation
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.queries import get_hospital
from tests.integration.cli.test_hospital_commands import run
from tests.support.platform import ACTOR

FAULTS: list[str] = []


@pytest.fixture
def ask(app: Flask, alpha: str) -> Iterator[Any]:
    """`ask()`: work on alpha that fails as long as FAULTS says so; returns its id."""

    def work(under_way: Any) -> dict[str, Any]:
        def count() -> None:
            under_way.progress(1, 2, "half of it")
            if FAULTS:
                raise OSError(FAULTS[0])

        under_way.step("count", count)
        return {"counted": 2}

    kinds.operation("test.count", title="Count", takes_hospital=True, steps={"count": "Count them"})(work)

    def ask() -> str:
        with app.app_context(), unit_of_work():
            return str(request_operation(ACTOR, "test.count", hospital=get_hospital(alpha), wake=False).id)

    yield ask
    FAULTS.clear()
    del kinds._kinds["test.count"]


def test_work_is_listed_with_who_asked_and_how_it_is(app: Flask, ask: Any, alpha: str) -> None:
    operation_id = ask()
    (row,) = [json.loads(line) for line in run(app, "platform", "operations", "--json").stdout.splitlines()]
    assert (row["id"], row["hospital"], row["state"], row["requested_by"]) == (operation_id, alpha, "queued", "tests")
    assert run(app, "platform", "operations", "--state", "failed", "--json").stdout == ""
    assert run(app, "platform", "operations", "--hospital", "beta", "--json").stdout == ""
    assert run(app, "platform", "operations", "--hospital", "nowhere").exit_code == 3


def test_what_failed_is_taken_up_again_here_with_its_progress_on_stderr(app: Flask, ask: Any) -> None:
    operation_id = ask()
    FAULTS.append("no space left")
    with app.app_context(), pytest.raises(OSError, match="no space"):
        perform(operation_id)
    told = run(app, "platform", "follow", operation_id)
    assert (told.exit_code, told.stdout) == (1, "")
    assert "no space left" in told.stderr
    FAULTS.clear()
    done = run(app, "platform", "retry", operation_id, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"counted": 2}), done.stderr
    assert "Count them: half of it" in done.stderr
    assert json.loads(run(app, "platform", "follow", operation_id, "--json").stdout) == {"counted": 2}
    assert run(app, "platform", "retry", operation_id).exit_code == 1


def test_what_somebody_else_does_is_locked(app: Flask, ask: Any) -> None:
    operation_id = ask()
    assert run(app, "platform", "cancel", operation_id).exit_code == 0
    assert run(app, "platform", "cancel", operation_id).exit_code == 1
    assert run(app, "platform", "retry", operation_id, "--detach").exit_code == 0
    with app.app_context():
        assert claim_operation(operation_id, "elsewhere-0:1:a")
    assert run(app, "platform", "retry", operation_id).exit_code == 1, "it runs, there is nothing to take up"


@pytest.mark.parametrize("command", ["follow", "retry", "cancel"])
def test_what_is_not_there_is_not_found(app: Flask, command: str) -> None:
    assert run(app, "platform", command, str(uuid4())).exit_code == 3
    assert run(app, "platform", command, "no-id").exit_code == 2
