"""A backup holds all of a hospital, tells what is in it, is readable by its key only, and is whole or not there."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.objects.interface import StoreFull
from app.core.objects.local import LocalStore
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups import dumping
from app.tenancy.backups.archive import ARCHIVE, MANIFEST
from app.tenancy.backups.catalogue import get_backup, rebuild_catalogue
from app.tenancy.backups.errors import BackupDamaged, DumpFailed, NoBackupKeys, NotABackup, WrongBackupKey
from app.tenancy.backups.policies import Policy, set_policy
from app.tenancy.backups.scheduling import request_due_backups
from app.tenancy.backups.source import open_backup
from app.tenancy.backups.storage import backup_keyring, backup_store
from app.tenancy.ledger import leases
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.queries import get_operation, list_waiting
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Backup, BackupState, Operation, OperationState
from app.tenancy.queries import get_hospital
from tests.integration.tenancy.backups.conftest import CANARY, SCAN
from tests.integration.tenancy.restores.conftest import backup_of, hospital_id
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).parents[4]
OTHER_KEY = "k9:" + "A" * 43 + "="


def files_in(store: LocalStore) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_a_backup_holds_every_row_and_file_and_says_so(hospital: str, run: Any, platform: Platform) -> None:
    outcome = run("hospital.backup", hospital, verify=True)
    row = backup_of(hospital)
    assert (row.state, row.reason, str(row.id)) == (BackupState.COMPLETE, "manual", outcome["backup"])
    assert row.verified_at is not None
    source = open_backup(row.location)
    with platform.admin(hospital) as connection:
        for table in ("patients", "files", "departments", "services"):
            assert source.rows[table] == connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    dump = b"".join(source.read())
    assert dump.startswith(b"PGDMP")
    assert CANARY.encode() in dump
    assert len(dump) == source.plain_bytes == row.plain_bytes
    assert list(source.manifest.files.values()) == [len(SCAN)]
    assert source.manifest.tools["pg_dump"].startswith("pg_dump (PostgreSQL)")


def test_nothing_of_it_is_readable_without_the_key(
    hospital: str, run: Any, store: LocalStore, platform: Platform
) -> None:
    run("hospital.backup", hospital)
    words = [CANARY.encode(), b"PGDMP", b"X-ray", " ".join(CANARY.split()[:2]).encode()]
    written = [*store.root.rglob("*"), *platform.var.rglob("*")]
    looked_at = [path.read_bytes() for path in written if path.is_file() and "log" not in path.parts]
    assert len(looked_at) > 3
    assert not [word for word in words for content in looked_at if word in content]


def test_a_drill_proves_it(hospital: str, run: Any) -> None:
    run("hospital.backup", hospital)
    run("hospital.drill", hospital)
    assert backup_of(hospital).proven_at is not None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("part", [ARCHIVE, MANIFEST, "file"])
def test_a_flipped_byte_is_found(hospital: str, run: Any, store: LocalStore, part: str, share: float) -> None:
    run("hospital.backup", hospital)
    row = backup_of(hospital)
    path = store.root / row.location / part
    if part == "file":
        (path,) = (store.root / str(row.hospital_id) / "files").iterdir()
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 0x01
    path.write_bytes(content)
    with pytest.raises((BackupDamaged, NotABackup, WrongBackupKey)) as told:
        run("hospital.verify_backup", hospital, backup=str(row.id))
    assert told.value.remedy
    with unit_of_work():
        assert get_backup(row.id).verified_at is None
        assert get_backup(row.id).error


def test_a_backup_that_was_cut_short_is_found(hospital: str, run: Any, store: LocalStore) -> None:
    run("hospital.backup", hospital)
    row = backup_of(hospital)
    path = store.root / row.location / ARCHIVE
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 16)
    with pytest.raises(BackupDamaged):
        open_backup(row.location).check()
    with pytest.raises(BackupDamaged):
        list(open_backup(row.location).read())


def test_another_key_opens_nothing_and_is_named(hospital: str, run: Any, platform: Platform, store: LocalStore) -> None:
    run("hospital.backup", hospital)
    location = backup_of(hospital).location
    other = platform.make_app(backup_keys=OTHER_KEY, backup_url=store.root.as_uri())
    with other.app_context(), pytest.raises(WrongBackupKey, match="k1") as told:
        open_backup(location)
    assert "BACKUP_KEYS" in str(told.value.remedy)


def test_in_production_nothing_is_backed_up_without_a_key_of_its_own(
    app: Flask, hospital: str, run: Any, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        app.extensions, "settings", app.extensions["settings"].model_copy(update={"environment": "production"})
    )
    with pytest.raises(NoBackupKeys, match="BACKUP_KEYS"):
        run("hospital.backup", hospital)
    assert files_in(store) == []


KILLED = """
import os, signal
from uuid import UUID
from app import create_app
from app.tenancy.backups import archive
from app.tenancy.ledger.performing import perform

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

archive._copy_files = die
with create_app().app_context():
    perform(UUID(os.environ["OPERATION"]))
"""


def test_one_that_was_killed_half_way_does_not_count_and_is_made_by_the_next_try(
    hospital: str, run: Any, platform: Platform, store: LocalStore
) -> None:
    with unit_of_work():
        asked = request_operation(ACTOR, "hospital.backup", hospital=get_hospital(hospital), wake=False).id
    environment = os.environ | platform.environment() | {
        "LOG_LEVEL": "ERROR", "OPERATION": str(asked), "BACKUP_URL": store.root.as_uri(),
    }  # fmt: skip
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    half = backup_of(hospital)
    assert half.state is BackupState.RUNNING
    with pytest.raises(NotABackup):
        open_backup(half.location)
    perform(asked)
    made = backup_of(hospital)
    assert (made.id, made.state) == (half.id, BackupState.COMPLETE)
    open_backup(made.location).check()


def test_while_somebody_else_works_on_the_hospital_the_command_says_so(
    app: Flask, hospital: str, store: LocalStore
) -> None:
    runner = "elsewhere-0:1:x"
    assert leases.take_hospitals([hospital_id(hospital)], runner, "hospital.restore")
    result = app.test_cli_runner().invoke(args=["hospital", "backup", hospital])
    assert (result.exit_code, result.stdout) == (6, "")
    with unit_of_work():
        assert list_waiting() == [], "who was told so asks again; nothing is done behind their back"
    assert files_in(store) == []


class Full(LocalStore):
    """A store whose disk is full after so many bytes."""

    left = 20_000

    @contextmanager
    def writing(self, key: str) -> Any:
        with super().writing(key):
            yield self

    def write(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_without_room_it_fails_loudly_and_the_older_one_stays(
    app: Flask, hospital: str, run: Any, store: LocalStore
) -> None:
    run("hospital.backup", hospital)
    older = backup_of(hospital)
    before = files_in(store)
    app.extensions["backup_store"] = Full(store.root)
    with pytest.raises(StoreFull) as told:
        run("hospital.backup", hospital)
    assert "prune" in str(told.value.remedy)
    app.extensions["backup_store"] = store
    failed = backup_of(hospital)
    assert (failed.state, failed.id != older.id) == (BackupState.FAILED, True)
    assert failed.error == str(StoreFull())
    assert files_in(store) == before, "nothing partial was left"
    run("hospital.verify_backup", hospital, backup=str(older.id))


def test_a_dump_that_stops_is_told_in_its_own_words(
    hospital: str, run: Any, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumping, "conninfo", lambda url: "host=127.0.0.1 port=1 dbname=nowhere")
    with pytest.raises(DumpFailed, match="refused"):
        run("hospital.backup", hospital)
    assert backup_of(hospital).state is BackupState.FAILED
    assert files_in(store) == []


def test_the_catalogue_is_made_again_from_the_store_alone(
    hospital: str, run: Any, store: LocalStore, platform: Platform
) -> None:
    for _ in range(2):
        run("hospital.backup", hospital)
    with unit_of_work() as session:
        before = session.execute(sa.select(Backup.id, Backup.location, Backup.checksum, Backup.manifest)).all()
    with platform.admin() as connection:
        connection.execute("DELETE FROM backups")
    (store.root / "not-a-hospital" / "x").mkdir(parents=True)
    (store.root / "not-a-hospital" / "x" / MANIFEST).write_text("{}")
    outcome = rebuild_catalogue(backup_store(), backup_keyring())
    assert (outcome.found, outcome.known, list(outcome.unreadable)) == (2, 0, ["not-a-hospital/x"])
    with unit_of_work() as session:
        assert sorted(before) == sorted(
            session.execute(sa.select(Backup.id, Backup.location, Backup.checksum, Backup.manifest)).all()
        )
    assert rebuild_catalogue(backup_store(), backup_keyring()).known == 2


def test_whose_a_backup_is_says_its_manifest_not_its_folder(
    hospital: str, run: Any, store: LocalStore, platform: Platform
) -> None:
    run("hospital.backup", hospital)
    location = backup_of(hospital).location
    with platform.admin() as connection:
        connection.execute("DELETE FROM backups")
    stranger = store.root / str(UUID(int=7))
    (store.root / location).parent.rename(stranger)
    outcome = rebuild_catalogue(backup_store(), backup_keyring())
    assert outcome.found == 1
    assert backup_of(hospital).location.startswith(str(UUID(int=7)))


def test_old_ones_are_removed_with_files_that_none_names(
    hospital: str, run: Any, store: LocalStore, platform: Platform
) -> None:
    with unit_of_work():
        set_policy(ACTOR, hospital_id(hospital), Policy(keep_daily=1, keep_weekly=0, keep_monthly=0, keep_yearly=0))
    run("hospital.backup", hospital)
    old = backup_of(hospital)
    with platform.admin(hospital) as connection:
        connection.execute("DELETE FROM files")
    run("hospital.backup", hospital)
    with unit_of_work() as session:
        session.execute(sa.update(Backup).where(Backup.id == old.id).values(started_at=clock.now() - timedelta(days=3)))
    for path in store.root.rglob("files/*"):
        os.utime(path, (1, 1))
    assert run("fleet.prune_backups")["removed"] == 1
    with unit_of_work():
        assert get_backup(old.id).state is BackupState.PRUNED
    left = files_in(store)
    assert not [name for name in left if name.startswith(old.location) or "/files/" in name]
    assert len(left) == 2
    assert run("fleet.prune_backups")["removed"] == 0
    run("hospital.verify_backup", hospital, backup=str(backup_of(hospital).id))


def test_hospitals_are_backed_up_when_they_are_due_and_not_twice(app: Flask, alpha: str, beta: str, store: Any) -> None:
    with app.app_context():
        assert request_due_backups(ACTOR, limit=1) == [alpha]
        assert request_due_backups(ACTOR) == [beta]
        assert request_due_backups(ACTOR) == []
        with unit_of_work():
            waiting = [found for found, kind in list_waiting() if kind == "hospital.backup"]
        for operation_id in waiting:
            perform(operation_id)
        with unit_of_work() as session:
            session.execute(sa.update(Operation).values(requested_at=clock.now() - timedelta(hours=20)))
        assert request_due_backups(ACTOR) == [], "a day has not passed"
        with unit_of_work() as session:
            session.execute(
                sa.update(Backup)
                .where(Backup.hospital_id == hospital_id(beta))
                .values(started_at=clock.now() - timedelta(hours=25))
            )
        assert request_due_backups(ACTOR) == [beta]


def test_what_is_cancelled_leaves_nothing(hospital: str, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.tenancy.ledger.errors import OperationCancelled
    from app.tenancy.ledger.requests import cancel_operation

    with unit_of_work():
        asked = request_operation(ACTOR, "hospital.backup", hospital=get_hospital(hospital), wake=False).id

    def cancel(_heard: Any) -> None:
        with unit_of_work():
            if get_operation(asked).row.cancel_requested_at is None:
                cancel_operation(ACTOR, asked)

    with pytest.raises(OperationCancelled):
        perform(asked, cancel)
    with unit_of_work():
        assert get_operation(asked).row.state is OperationState.CANCELLED
    assert files_in(store) == []


def test_no_more_of_a_large_hospital_is_in_memory_than_a_few_pieces(
    hospital: str, run: Any, platform: Platform
) -> None:
    with platform.admin(hospital) as connection:
        connection.execute(
            "CREATE TABLE large AS SELECT string_agg(md5(random()::text), '') AS noise"
            " FROM generate_series(1, 1500000) n GROUP BY n % 3000"
        )
        connection.execute("ALTER TABLE large OWNER TO vien_owner")
    try:
        tracemalloc.start()
        run("hospital.backup", hospital, verify=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        with platform.admin(hospital) as connection:
            connection.execute("DROP TABLE large")
    row = backup_of(hospital)
    assert row.plain_bytes is not None
    assert row.plain_bytes > 45_000_000
    assert most < 20_000_000


def test_a_file_is_of_one_hospital(hospital: str, beta: str) -> None:
    ours, theirs = hospital_id(hospital), hospital_id(beta)
    (digest,) = file_store().list(ours)
    assert b"".join(file_store().read(ours, digest)) == SCAN
    assert not file_store().has(theirs, digest)


def test_the_commands_list_and_set_in_json(app: Flask, hospital: str) -> None:
    runner = app.test_cli_runner()
    made = runner.invoke(args=["hospital", "backup", hospital, "--verify", "--keep-days", "40", "--json"])
    assert made.exit_code == 0, made.stderr
    lines = runner.invoke(args=["hospital", "backups", hospital, "--json"]).stdout.splitlines()
    listed = [json.loads(line) for line in lines]
    assert [row["id"] for row in listed] == [json.loads(made.stdout)["backup"]]
    assert listed[0]["pinned_until"] > clock.now().isoformat()
    policy = runner.invoke(args=["hospital", "backup-policy", hospital, "--every-hours", "6", "--json"])
    assert json.loads(policy.stdout)["every_hours"] == 6
    assert runner.invoke(args=["hospital", "backup-policy", hospital, "--every-hours", "0"]).exit_code == 2
    listing = runner.invoke(args=["fleet", "backups", "--json"])
    assert listing.exit_code == 0, listing.exception
    fleet = [json.loads(line) for line in listing.stdout.splitlines()]
    assert {row["code"]: row["overdue"] for row in fleet} == {"alpha": False, "beta": True}
    assert runner.invoke(args=["hospital", "backup", "nowhere"]).exit_code == 3
