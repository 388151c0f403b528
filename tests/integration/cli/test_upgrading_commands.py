"""`flask fleet status|migrate|quarantine`, `flask hospital migrate`: exit codes, resuming, dry runs that do nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.leases import claim_operation
from app.tenancy.models import MigrationRun, MigrationState, Operation, OperationState
from app.tenancy.upgrading import running
from tests.integration.cli.test_hospital_commands import run
from tests.support.platform import Platform
from tests.support.revisions import HOLD_UP, IN_THE_WAY, MADE, NEW, OLD, OUT_OF_THE_WAY, REASON

ROOT = Path(__file__).parents[3]
FLEET = ("gamma", "delta", "epsilon")


@pytest.fixture
def fleet(platform: Platform, app: Flask, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Three hospitals that are behind, beside two that are current."""
    monkeypatch.setattr(running, "PAUSE_SECONDS", 0.05)
    for code in FLEET:
        platform.create_hospital(code)
        result = run(app, "hospital", "migrate", code, "--to", OLD)
        assert result.exit_code == 0, result.stderr
    return FLEET


def status(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(app, "fleet", "status", "--json").stdout)
    return found


def test_the_fleet_is_upgraded_and_says_how_it_stands(app: Flask, fleet: tuple[str, ...]) -> None:
    assert status(app) == {
        "newest": NEW, "hospitals": 5, "revisions": {OLD: 3, NEW: 2}, "behind": sorted(fleet), "quarantined": {},
    }  # fmt: skip
    told = run(app, "fleet", "status").stdout
    assert "3 of 5 behind, 0 in quarantine" in told
    result = run(app, "fleet", "migrate", "--canary", "delta", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"to": NEW, "migrated": 3}), result.stderr
    assert status(app)["behind"] == []
    again = run(app, "fleet", "migrate", "--json")
    assert json.loads(again.stdout) == {"to": NEW, "migrated": 0}


def test_a_fleet_that_is_current_costs_no_connection_to_a_hospital(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = psycopg.connect

    def note(*words: Any, **facts: Any) -> Any:
        opened.append(f"{words}{facts}")
        return connect(*words, **facts)

    monkeypatch.setattr(psycopg, "connect", note)
    assert run(app, "fleet", "migrate").exit_code == 0
    assert run(app, "fleet", "status").exit_code == 0
    names = [platform.databases[code] for code in ("alpha", "beta")]
    assert [one for one in opened if any(name in one for name in names)] == []
    assert run(app, "fleet", "status", "--verify").exit_code == 0
    assert len([one for one in opened if any(name in one for name in names)]) == 2


def test_one_that_fails_ends_with_its_own_exit_code_and_is_let_out_of_quarantine(
    app: Flask, platform: Platform, fleet: tuple[str, ...]
) -> None:
    with platform.admin("delta") as connection:
        connection.execute(IN_THE_WAY)
    result = run(app, "fleet", "migrate", "--canary", "gamma", "--budget", "1")
    assert result.exit_code == 4
    assert "delta" in result.stderr
    assert "flask fleet quarantine clear CODE" in result.stderr
    assert status(app)["quarantined"]["delta"].startswith(REASON)
    assert "delta" in run(app, "fleet", "quarantine", "list").stdout
    with platform.admin("delta") as connection:
        connection.execute(OUT_OF_THE_WAY)
    assert run(app, "fleet", "quarantine", "clear", "delta").exit_code == 0
    assert run(app, "fleet", "quarantine", "clear", "delta").exit_code == 1
    assert run(app, "fleet", "migrate").exit_code == 0
    assert status(app)["behind"] == []


def test_a_dry_run_changes_nothing(app: Flask, platform: Platform, fleet: tuple[str, ...]) -> None:
    before = status(app)
    result = run(app, "fleet", "migrate", "--dry-run", "--json", "--canary", "delta")
    assert [(json.loads(line)["wave"], json.loads(line)["code"]) for line in result.stdout.splitlines()] == [
        (0, "delta"), (1, "epsilon"), (2, "gamma"),
    ]  # fmt: skip
    assert NEW in run(app, "fleet", "migrate", "--dry-run").stderr
    tried = run(app, "fleet", "migrate", "--dry-run", "--clone", "gamma", "--json")
    assert tried.exit_code == 0, tried.stderr
    assert json.loads(tried.stdout)["changed"] == {table: [None, 0] for table in MADE}
    assert status(app) == before


@pytest.mark.parametrize(
    "words",
    [
        ("fleet", "migrate", "--to", "h999"),
        ("fleet", "migrate", "--budget", "much"),
        ("fleet", "migrate", "--wave", "-1"),
        ("fleet", "migrate", "--lock-timeout", "soon"),
        ("fleet", "migrate", "--canary", "alpha"),
        ("fleet", "migrate", "--clone", "alpha"),
        ("fleet", "migrate", "--parallel", "0"),
        ("hospital", "migrate", "alpha", "--to", "h999"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(app: Flask, words: tuple[str, ...]) -> None:
    result = run(app, *words)
    assert result.exit_code == 2, result.stderr
    with app.app_context(), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Operation)) == 0


def test_a_hospital_that_is_not_there_is_not_found(app: Flask) -> None:
    assert run(app, "hospital", "migrate", "nowhere").exit_code == 3
    assert run(app, "fleet", "quarantine", "clear", "nowhere").exit_code == 3


def test_two_operators_at_once_do_it_once(app: Flask, fleet: tuple[str, ...]) -> None:
    left = json.loads(run(app, "fleet", "migrate", "--detach", "--json").stdout)["operation"]
    assert run(app, "fleet", "migrate", "--detach").exit_code == 6
    with app.app_context():
        assert claim_operation(left, "elsewhere-0:1:a")
    result = run(app, "fleet", "migrate")
    assert result.exit_code == 6, result.stderr
    with app.app_context(), unit_of_work() as session:
        assert (
            session.scalar(sa.select(sa.func.count()).select_from(Operation).where(Operation.kind == "fleet.migrate"))
            == 1
        )
        session.get_one(Operation, left).heartbeat_at = None


def test_a_run_that_was_killed_goes_on_where_it_was(app: Flask, platform: Platform, fleet: tuple[str, ...]) -> None:
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "fleet", "migrate"]
    options = ["--canary", "delta", "--parallel", "1", "--wave", "1", "--lock-timeout", "60s"]
    environment = {**os.environ, **platform.environment()}
    with platform.admin("gamma") as holder, holder.transaction():
        holder.execute(HOLD_UP)
        with subprocess.Popen([*words, *options], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for_states(app, {MigrationState.SUCCEEDED: 2, MigrationState.RUNNING: 1})
            finally:
                process.send_signal(signal.SIGKILL)
    assert status(app)["behind"] == ["gamma"]
    result = run(app, "fleet", "migrate", "--json")
    assert result.exit_code == 0, result.stderr
    assert "Going on with the migration" in result.stderr
    assert json.loads(result.stdout) == {"to": NEW, "migrated": 3}
    with app.app_context(), unit_of_work() as session:
        (operation,) = session.scalars(sa.select(Operation).where(Operation.kind == "fleet.migrate"))
        assert (operation.state, operation.attempts) == (OperationState.SUCCEEDED, 2)


def wait_for_states(app: Flask, wanted: dict[MigrationState, int]) -> None:
    """Wait until the ledger says so."""
    query = sa.select(MigrationRun.state, sa.func.count()).join(
        Operation, sa.and_(Operation.id == MigrationRun.operation_id, Operation.kind == "fleet.migrate")
    )
    limit = time.monotonic() + 60
    while True:
        with app.app_context(), db.engine.connect() as connection:
            found = {row[0]: row[1] for row in connection.execute(query.group_by(MigrationRun.state))}
        if found == wanted:
            return
        assert time.monotonic() < limit, found
        time.sleep(0.05)
