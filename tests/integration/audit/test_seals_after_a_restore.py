"""A restored hospital has an older chain than the centre knows: explained by the restore, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.tenancy.models import AuditState
from app.tenancy.sealing.findings import Fault
from app.tenancy.sealing.hospitals import seal_hospital, verify_hospital
from tests.integration.cli.test_hospital_commands import run
from tests.integration.tenancy.restores.conftest import back_up
from tests.support.platform import Platform

Write = Callable[..., None]


@pytest.fixture
def gamma(app: Flask, platform: Platform, write: Write) -> str:
    """A hospital with sealed rows, a backup, and more sealed rows after it."""
    platform.create_hospital("gamma")
    with app.app_context():
        write("gamma", 2)
        seal_hospital("gamma")
        back_up("gamma")
        write("gamma", 3)
        seal_hospital("gamma")
    return "gamma"


def test_a_restored_hospital_is_not_called_tampered(app: Flask, gamma: str, write: Write, platform: Platform) -> None:
    done = run(app, "hospital", "restore", gamma, "--yes", "--confirm", gamma)
    assert done.exit_code == 0, done.stderr
    platform.databases[gamma] = platform.database_name(gamma)
    with app.app_context():
        report = verify_hospital(gamma)
        assert report.state is AuditState.RESTORED, report.facts()
        assert "from a backup taken at" in report.restored[0]
        write(gamma, 1)
        assert seal_hospital(gamma)[1] is True, "it goes on in a new branch"
        report = verify_hospital(gamma)
        assert (report.state, report.unsealed) == (AuditState.RESTORED, 0)
    told = run(app, "hospital", "audit", "verify", gamma)
    assert told.exit_code == 0, told.stderr
    assert "restored" in told.stdout


def test_a_restore_explains_no_seal_that_is_older_than_its_backup(
    app: Flask, gamma: str, platform: Platform, tamper: Callable[..., Any]
) -> None:
    assert run(app, "hospital", "restore", gamma, "--yes", "--confirm", gamma).exit_code == 0
    platform.databases[gamma] = platform.database_name(gamma)
    with tamper(gamma) as connection:  # what was in the backup is rewritten afterwards, chain and all
        connection.execute("UPDATE audit_log SET actor_name = 'Ai đó'")
        connection.execute("DELETE FROM log_seals WHERE log = 'audit_log'")
        connection.execute("SELECT vien_seal_log('audit_log', 5000)")
    with app.app_context():
        report = verify_hospital(gamma, keep=False)
    assert report.state is AuditState.TAMPERED
    assert {(one.fault, one.log) for one in report.named} == {(Fault.HEAD, "audit_log")}


def test_the_command_names_the_row_and_ends_with_five(app: Flask, gamma: str, tamper: Callable[..., Any]) -> None:
    good = run(app, "hospital", "audit", "verify", gamma, "--json")
    assert (good.exit_code, '"state": "good"' in good.stdout) == (0, True)
    with tamper(gamma) as connection:
        row = connection.execute("DELETE FROM access_log RETURNING id::text").fetchone()
        assert row is not None
    bad = run(app, "hospital", "audit", "verify", gamma, "--json")
    assert bad.exit_code == 5
    assert row[0] in bad.stdout
    assert run(app, "hospital", "audit", "verify", gamma).exit_code == 5
    assert run(app, "hospital", "audit", "verify", "nobody").exit_code == 3
    assert run(app, "platform", "audit", "verify").exit_code == 0
    assert run(app, "platform", "audit", "seal").exit_code == 0
