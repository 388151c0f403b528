"""`flask hospital restore|drill|swap-back|import` and `flask fleet drills`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.leases import holding_hospital
from tests.integration.cli.test_hospital_commands import run
from tests.integration.tenancy.restores.conftest import archive_of, back_up, backup_of, flip_a_byte, hospital_id
from tests.support.platform import Platform


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> str:
    """A further hospital with a backup."""
    platform.create_hospital("gamma")
    with app.app_context():
        back_up("gamma")
    return "gamma"


def test_a_hospital_is_restored_and_swapped_back(app: Flask, gamma: str) -> None:
    dry = run(app, "hospital", "restore", gamma, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    assert "would be brought back" in dry.stdout
    assert run(app, "hospital", "restore", gamma, input="gama\n").exit_code == 2
    done = run(app, "hospital", "restore", gamma, "--yes", "--confirm", gamma, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"] > 100
    back = run(app, "hospital", "swap-back", gamma, "--yes", "--confirm", gamma, "--json")
    assert back.exit_code == 0, back.stderr


def test_a_drill_that_finds_a_damaged_backup_ends_the_fleets_list_with_five(app: Flask, gamma: str) -> None:
    assert run(app, "hospital", "drill", gamma, "--json").exit_code == 0
    listed = run(app, "fleet", "drills", "--json")
    assert listed.exit_code == 0, listed.stderr
    assert any(json.loads(line)["last_proven"] for line in listed.stdout.splitlines())
    with app.app_context():
        flip_a_byte(archive_of(app, backup_of(gamma)))
    failed = run(app, "hospital", "drill", gamma)
    assert failed.exit_code == 5
    assert "damaged" in failed.stderr.lower() or "altered" in failed.stderr.lower()
    assert run(app, "fleet", "drills").exit_code == 5


def test_a_busy_hospital_is_exit_code_six(app: Flask, gamma: str) -> None:
    with app.app_context(), holding_hospital(hospital_id(gamma), "another"):
        assert run(app, "hospital", "restore", gamma, "--yes", "--confirm", gamma).exit_code == 6


def test_a_hospital_is_imported_from_the_store(app: Flask, gamma: str) -> None:
    with app.app_context():
        place = backup_of(gamma).location
    done = run(app, "hospital", "import", place, "--code", "delta", "--name", "Bệnh viện Delta", "--json")
    assert done.exit_code == 0, done.stderr
    with app.app_context(), bind_hospital("delta") as hospital:
        assert hospital.display_name == "Bệnh viện Delta"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["hospital", "restore", "nowhere", "--yes", "--confirm", "nowhere"], 3),
        (["hospital", "restore", "alpha", "--yes", "--confirm", "alpha"], 3),
        (["hospital", "swap-back", "alpha", "--yes", "--confirm", "alpha"], 3),
        (["hospital", "drill", "alpha"], 3),
        (["hospital", "import", "nowhere", "--code", "delta", "--name", "X"], 1),
        (["hospital", "import", "nowhere", "--code", "alpha", "--name", "X"], 1),
        (["hospital", "import", "nowhere", "--code", "admin", "--name", "X"], 2),
    ],
)
def test_a_mistake_has_its_exit_code(app: Flask, alpha: str, words: list[str], code: int) -> None:
    result = run(app, *words)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr


def test_the_rehearsal_says_what_is_missing() -> None:
    script = Path(__file__).parents[3] / "scripts" / "rehearse-point-in-time"
    said = subprocess.run(
        ["/bin/sh", str(script)],
        env={"PATH": "/bin", "PG_BIN": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "pgbackrest" in said.stderr
