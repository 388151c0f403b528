"""`flask hospital move`: what it says beforehand, what it does, and how it ends."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.models import Operation, OperationState
from tests.factories import make_patient
from tests.integration.cli.test_hospital_commands import run
from tests.integration.tenancy.credentials.test_isolation_check import holes
from tests.integration.tenancy.moving.conftest import Second, gamma, home_of, other_server, second
from tests.integration.tenancy.test_swapping import hospital_id
from tests.support.platform import Platform

pytestmark = pytest.mark.xdist_group("whole server")

__all__ = ["gamma", "other_server", "second"]


def test_a_dry_run_says_what_would_be_and_changes_nothing(app: Flask, second: Second, gamma: str) -> None:
    said = run(second.app, "hospital", "move", gamma, "--to", "second", "--dry-run", "--json")
    assert said.exit_code == 0, said.stderr
    plan = json.loads(said.stdout)
    assert (plan["from"], plan["to"], plan["method"]) == ("main", "second", "dump")
    assert plan["size_mb"] > 1
    with second.app.app_context():
        assert home_of(gamma)[0] == "main"


def test_a_hospital_is_moved_and_swapped_back(app: Flask, platform: Platform, second: Second, gamma: str) -> None:
    confirmed = ("--yes", "--confirm", gamma, "--json")
    done = run(second.app, "hospital", "move", gamma, "--to", "second", *confirmed)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["method"] == "dump"
    assert result["pause_seconds"] > 0
    assert "nobody is served" in done.stderr
    with second.app.app_context():
        assert home_of(gamma) == ("second", result["database"])
        with bind_hospital(gamma), unit_of_work():
            make_patient()
    isolated = run(second.app, "fleet", "check-isolation", "--full", "--json")
    assert holes(platform, isolated) == [], isolated.stdout + isolated.stderr
    assert isolated.exit_code == (5 if '"kind"' in isolated.stdout else 0)
    back = run(second.app, "hospital", "swap-back", gamma, *confirmed)
    assert back.exit_code == 0, back.stderr
    with second.app.app_context():
        assert home_of(gamma) == ("main", platform.databases[gamma])
        with bind_hospital(gamma), unit_of_work():
            make_patient()


def test_what_is_wrong_has_an_exit_code(app: Flask, second: Second, gamma: str) -> None:
    move = ("hospital", "move", gamma, "--yes", "--confirm", gamma, "--to")
    assert run(second.app, *move, "nowhere").exit_code == 2
    assert run(second.app, *move, "main").exit_code == 1
    assert run(second.app, "hospital", "move", "nobody", "--to", "second", "--dry-run").exit_code == 3
    assert run(second.app, "hospital", "move", gamma, "--to", "second", input="gama\n").exit_code == 2
    with second.app.app_context(), holding_hospital(hospital_id(gamma), "another"):
        assert run(second.app, *move, "second").exit_code == 6
    with second.app.app_context(), unit_of_work() as session:
        states = session.scalars(sa.select(Operation.state).where(Operation.kind == "hospital.move")).all()
        assert states == [OperationState.CANCELLED], "who was told that it could not be done is not moved later"
