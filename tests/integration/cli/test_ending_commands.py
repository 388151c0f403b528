"""`flask hospital archive|delete|keep|abandon|exit-kit|certificate`: data on stdout, exit codes, nothing by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.models import Hospital, HospitalStatus
from tests.support.platform import Platform

SURE = ("--yes", "--confirm", "gamma")


def run(app: Flask, *words: str, **facts: Any) -> Result:
    """Run a command as a shell would."""
    return app.test_cli_runner().invoke(args=["hospital", *words], **facts)


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> Iterator[str]:
    platform.create_hospital("gamma")
    with app.app_context():
        yield "gamma"


def status_of(code: str) -> HospitalStatus:
    with unit_of_work() as session:
        return session.scalars(sa.select(Hospital.status).where(Hospital.code == code)).one()


def end_grace(code: str) -> None:
    with unit_of_work() as session:
        ended = sa.func.now() - sa.text("interval '1 hour'")
        session.execute(sa.update(Hospital).where(Hospital.code == code).values(delete_after=ended))


def test_from_service_into_the_archive_and_back(app: Flask, gamma: str) -> None:
    archived = run(app, "archive", gamma, "--reason", "Ngừng", "--json", *SURE)
    assert archived.exit_code == 0, archived.stderr
    assert json.loads(archived.stdout)["code"] == gamma
    assert status_of(gamma) is HospitalStatus.ARCHIVED
    assert run(app, "unarchive", gamma).exit_code == 0
    assert run(app, "resume", gamma).exit_code == 0
    assert status_of(gamma) is HospitalStatus.ACTIVE


def test_a_deletion_from_its_wish_to_its_certificate(app: Flask, gamma: str, tmp_path: Path) -> None:
    assert run(app, "delete", gamma, "--reason", "Giải thể", *SURE).exit_code == 1, "it serves"
    assert run(app, "suspend", gamma, "--reason", "Giải thể", *SURE).exit_code == 0
    assert run(app, "delete", gamma, *SURE).exit_code == 2, "no reason"
    assert run(app, "delete", gamma, "--reason", "Giải thể", "--yes", "--confirm", "alpha").exit_code == 2
    told = run(app, "delete", gamma, "--reason", "Giải thể", "--dry-run")
    assert (told.exit_code, "30 days" in told.stdout) == (0, True)
    planned = run(app, "delete", gamma, "--reason", "Giải thể", "--json", *SURE)
    assert planned.exit_code == 0, planned.stderr
    assert json.loads(planned.stdout)["delete_after"]
    assert run(app, "delete", gamma, "--reason", "Giải thể", *SURE).exit_code == 1, "the grace period is not over"
    assert run(app, "certificate", gamma).exit_code == 3
    assert run(app, "keep", gamma).exit_code == 0
    assert run(app, "keep", gamma).exit_code == 1
    assert run(app, "delete", gamma, "--reason", "Giải thể", *SURE).exit_code == 0
    end_grace(gamma)
    deleted = run(app, "delete", gamma, *SURE)
    assert deleted.exit_code == 0, deleted.stderr
    assert status_of(gamma) is HospitalStatus.DELETED
    assert run(app, "delete", gamma, *SURE).exit_code == 1, "once is enough"
    genuine = run(app, "certificate", gamma, "--verify")
    assert (genuine.exit_code, genuine.stdout.startswith("genuine")) == (0, True)
    printed = tmp_path / "certificate.json"
    printed.write_text(run(app, "certificate", gamma).stdout, encoding="utf-8")
    assert run(app, "certificate", gamma, "--verify", "--file", str(printed)).exit_code == 0
    printed.write_text(printed.read_text(encoding="utf-8").replace("Giải thể", "Khác"), encoding="utf-8")
    forged = run(app, "certificate", gamma, "--verify", "--file", str(printed))
    assert (forged.exit_code, forged.stdout) == (5, "")
    assert run(app, "create", gamma, "--name", "Gamma").exit_code == 1, "the code is taken for ever"


def test_while_somebody_else_is_at_it_the_command_says_so(app: Flask, gamma: str) -> None:
    with unit_of_work() as session:
        hospital_id = session.scalars(sa.select(Hospital.id).where(Hospital.code == gamma)).one()
    with holding_hospital(hospital_id, "test"):
        result = run(app, "archive", gamma, "--reason", "Ngừng", *SURE)
    assert result.exit_code == 6
    assert status_of(gamma) is HospitalStatus.ACTIVE


def test_an_exit_kit_is_written_checked_and_listed(app: Flask, gamma: str, tmp_path: Path) -> None:
    path = str(tmp_path / "kit.zip")
    written = run(app, "exit-kit", gamma, "--to", path, "--json")
    assert written.exit_code == 0, written.stderr
    checked = run(app, "check-exit-kit", path, "--json")
    assert checked.exit_code == 0, checked.stderr
    assert json.loads(checked.stdout)["rows"] == json.loads(written.stdout)["rows"]
    Path(path).write_bytes(b"no zip")
    assert run(app, "check-exit-kit", path).exit_code == 5
    assert run(app, "check-exit-kit", str(tmp_path / "none")).exit_code == 3
    assert run(app, "exit-kit", gamma, "--to", path).exit_code == 1, "nothing is overwritten"
    stored = run(app, "exit-kit", gamma, "--json")
    assert stored.exit_code == 0, stored.stderr
    listed = run(app, "exit-kits", gamma, "--json")
    assert json.loads(listed.stdout)["name"] == json.loads(stored.stdout)["name"]


def test_a_hospital_that_serves_is_not_abandoned(app: Flask, gamma: str) -> None:
    assert run(app, "abandon", gamma, *SURE).exit_code == 1
    assert status_of(gamma) is HospitalStatus.ACTIVE


@pytest.mark.parametrize("command", ["archive", "unarchive", "delete", "keep", "abandon", "exit-kit", "certificate"])
def test_an_unknown_code_is_not_found(app: Flask, command: str) -> None:
    options = ["--reason", "x"] if command in ("archive", "delete") else []
    sure = ["--yes", "--confirm", "nowhere"] if command in ("archive", "delete", "abandon") else []
    assert run(app, command, "nowhere", *options, *sure).exit_code == 3
