"""What goes wrong with a restore is said with its remedy, leaves nothing behind, and the hospital as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.crypto import Keyring
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups import source
from app.tenancy.backups.errors import BackupDamaged, WrongBackupKey
from app.tenancy.binding import tenancy
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation, retry_operation
from app.tenancy.models import Operation, OperationState, RestoreRun, RestoreState
from app.tenancy.queries import get_hospital
from app.tenancy.restores import making, restoring
from app.tenancy.restores.errors import (
    DiskFull,
    ManifestDiffers,
    NewerSchema,
    NotADump,
    NotInService,
    OtherHospital,
    RestoreFailed,
)
from app.tenancy.restores.sources import DumpFile
from tests.integration.tenancy.restores.conftest import (
    Run,
    archive_of,
    backup_of,
    dump,
    flip_a_byte,
    names,
    names_of_databases,
)
from tests.support.platform import ACTOR, Platform


def test_another_hospitals_dump_is_refused_and_leaves_nothing(
    app: Flask, platform: Platform, gamma: str, alpha: str, run: Run, tmp_path: Path
) -> None:
    foreign = dump(platform, alpha, tmp_path / "alpha.dump")
    with app.app_context():
        before = names_of_databases(platform)
        with pytest.raises(OtherHospital):
            run("hospital.restore", gamma, dump=str(foreign))
        assert names_of_databases(platform) == before
        assert names(gamma) == set()


def test_a_newer_schema_is_refused_with_the_remedy_to_upgrade(
    app: Flask, platform: Platform, gamma: str, run: Run, tmp_path: Path
) -> None:
    with platform.admin(gamma) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'h999'")
    path = dump(platform, gamma, tmp_path / "newer.dump")
    with app.app_context():
        before = names_of_databases(platform)
        with pytest.raises(NewerSchema, match="h999") as caught:
            run("hospital.restore", gamma, dump=str(path))
        assert caught.value.remedy
        assert names_of_databases(platform) == before


def test_a_file_that_is_no_dump_is_refused(app: Flask, gamma: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.dump").write_bytes(b"Dear hospital")
    (tmp_path / "half.dump").write_bytes(b"PGDMP")
    with app.app_context():
        for name in ("letter.dump", "half.dump", "nowhere.dump"):
            with pytest.raises(NotADump):
                run("hospital.restore", gamma, dump=str(tmp_path / name))


def test_rows_that_differ_from_the_manifest_are_named_and_the_hospital_is_not_touched(
    app: Flask, platform: Platform, gamma: str, saved: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "DumpFile", lambda path: DumpFile(path, rows={"patients": 17}))
    with app.app_context():
        before = names_of_databases(platform)
        with pytest.raises(ManifestDiffers) as caught:
            run("hospital.restore", gamma, dump=str(saved))
        assert caught.value.mismatches["patients"] == "17 → 1"
        assert names_of_databases(platform) == before
        assert names(gamma) == {"Nguyễn Thị Trước", "Trần Văn Sau"}
        with unit_of_work() as session:
            failed = session.scalars(sa.select(RestoreRun)).one()
            assert (failed.state, failed.mismatches["patients"]) == (RestoreState.FAILED, "17 → 1")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "pg_restore: error: could not execute query: ERROR:  could not extend file: No space left on device",
            DiskFull,
        ),
        ("pg_restore: error: connection to server was lost", RestoreFailed),
    ],
)
def test_a_pg_restore_that_fails_is_explained_and_its_database_dropped(
    app: Flask,
    platform: Platform,
    gamma: str,
    saved: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    expected: type[Exception],
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text(f"#!/bin/sh\nhead -c 100 >/dev/null\necho '{said}' >&2\nexit 1\n")
    program.chmod(0o755)
    with app.app_context():
        before = names_of_databases(platform)
        with monkeypatch.context() as patched:
            patched.setattr(making, "pg_restore", lambda _cluster: program)
            with pytest.raises(expected):
                run("hospital.restore", gamma, dump=str(saved))
        assert names_of_databases(platform) == before
        with unit_of_work() as session:
            failed = session.scalars(sa.select(Operation).where(Operation.kind == "hospital.restore")).one()
            assert failed.state is OperationState.FAILED
            assert failed.remedy
            retry_operation(ACTOR, failed.id, wake=False)
        perform(failed.id)
        assert names(gamma) == {"Nguyễn Thị Trước"}


KILLED = """
import os, signal, sys
from uuid import UUID
from app import create_app
from app.tenancy.ledger.performing import perform
from app.tenancy.restores import making
app = create_app()
real = getattr(making, sys.argv[2])
def half(*facts, **more):
    real(*facts, **more)
    print("done", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(making, sys.argv[2], half)
with app.app_context():
    perform(UUID(sys.argv[1]))
"""


@pytest.mark.parametrize("act", ["fill", "exchange"])
def test_a_restore_that_was_killed_half_way_is_resumed_and_leaves_nothing_behind(
    app: Flask, platform: Platform, gamma: str, saved: Path, act: str
) -> None:
    with app.app_context():
        before = names_of_databases(platform)
        with unit_of_work():
            wanted = request_operation(
                ACTOR, "hospital.restore", hospital=get_hospital(gamma), arguments={"dump": str(saved)}, wake=False
            ).id
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(wanted), act],
            env={**os.environ, **platform.environment(), "ENVIRONMENT": "test"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert "done" in killed.stdout
        if act == "fill":
            assert names(gamma) == {"Nguyễn Thị Trước", "Trần Văn Sau"}
        else:
            tenancy().registry.forget()
            assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 503
        perform(wanted)
        assert names(gamma) == {"Nguyễn Thị Trước"}
        assert len(names_of_databases(platform) - before) == 1


def test_a_backup_that_cannot_be_opened_leaves_the_hospital_as_it_was(
    app: Flask, platform: Platform, gamma: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        before = names_of_databases(platform)
        with monkeypatch.context() as patched:
            patched.setattr(source, "backup_keyring", lambda: Keyring({"other": bytes(32)}))
            with pytest.raises(WrongBackupKey) as caught:
                run("hospital.restore", gamma)
        assert "BACKUP_KEYS" in str(caught.value.remedy)
        flip_a_byte(archive_of(app, backup_of(gamma)))
        with pytest.raises(BackupDamaged):
            run("hospital.restore", gamma)
        assert names_of_databases(platform) == before
        assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200


def test_an_archived_hospital_is_brought_back_from_the_archive_first(
    app: Flask, platform: Platform, gamma: str, saved: Path, run: Run
) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET status = 'archived' WHERE code = 'gamma'")
    with app.app_context(), pytest.raises(NotInService):
        run("hospital.restore", gamma, dump=str(saved))
    with app.app_context(), pytest.raises(NotInService):
        run("hospital.swap_back", gamma)


def test_a_server_that_nobody_knows_is_said(app: Flask, gamma: str, saved: Path, run: Run) -> None:
    with app.app_context(), pytest.raises(InvalidValue):
        run("hospital.restore", gamma, dump=str(saved), cluster="nowhere")
