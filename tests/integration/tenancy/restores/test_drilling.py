"""Backups are proven: restored to scratch, compared, dropped; what differs or cannot be opened is said and kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.crypto import Keyring
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups import source
from app.tenancy.backups.errors import BackupDamaged, WrongBackupKey
from app.tenancy.fleet import Condition, list_fleet
from app.tenancy.health import check_all
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Backup, Hospital, Operation, RestoreRun, RestoreState
from app.tenancy.restores.drilling import DRILL_OPERATION, request_due_drills
from app.tenancy.restores.errors import ManifestDiffers, NoBackup, NoRoom, OtherHospital
from app.tenancy.restores.queries import list_proofs, read_data_safety
from tests.integration.tenancy.restores.conftest import (
    Run,
    archive_of,
    backup_of,
    flip_a_byte,
    hospital_id,
    names_of_databases,
)
from tests.support.platform import ACTOR, Platform


def test_a_drill_proves_the_newest_backup_and_leaves_nothing(
    app: Flask, platform: Platform, gamma: str, run: Run
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        before = names_of_databases(platform)
        assert run(DRILL_OPERATION, gamma)["rows"] == sum(backup_of(gamma).manifest["rows"].values())
        assert names_of_databases(platform) == before
        assert backup_of(gamma).proven_at is not None
        with unit_of_work():
            safety = read_data_safety(hospital_id(gamma))
            assert safety.proven_backup_of == backup_of(gamma).started_at
            assert not safety.is_proof_late
            assert not safety.is_backup_late


def test_without_a_backup_there_is_nothing_to_prove(app: Flask, gamma: str, run: Run) -> None:
    with app.app_context(), pytest.raises(NoBackup):
        run(DRILL_OPERATION, gamma)


def test_a_flipped_byte_is_found_and_stands_on_top_of_the_list(
    app: Flask, platform: Platform, gamma: str, alpha: str, run: Run
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        flip_a_byte(archive_of(app, backup_of(gamma)))
        before = names_of_databases(platform)
        with pytest.raises(BackupDamaged):
            run(DRILL_OPERATION, gamma)
        assert names_of_databases(platform) == before
        with unit_of_work() as session:
            assert session.scalars(sa.select(RestoreRun.state)).one() is RestoreState.FAILED
            first = list_proofs().items[0]
            assert (first.code, first.drill_state) == (gamma, RestoreState.FAILED)
            assert first.drill_error
        check_all()
        with unit_of_work():
            assert list_fleet().items[0].code == gamma
            assert list_fleet().items[0].condition == Condition.UNPROVEN.value
        assert backup_of(gamma).proven_at is None


def test_a_count_that_differs_is_named(app: Flask, gamma: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        monkeypatch.setattr(
            source.StoredBackup, "rows", property(lambda backup: {**backup.manifest.rows, "patients": 3})
        )
        with pytest.raises(ManifestDiffers) as caught:
            run(DRILL_OPERATION, gamma)
        assert caught.value.mismatches == {"patients": "3 → 0"}


def test_a_backup_under_a_key_that_is_not_here_says_which(
    app: Flask, gamma: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        monkeypatch.setattr(source, "backup_keyring", lambda: Keyring({"other": bytes(32)}))
        with pytest.raises(WrongBackupKey, match=backup_of(gamma).key_id):
            run(DRILL_OPERATION, gamma)


def test_a_backup_of_another_hospital_under_this_ones_name_is_refused(
    app: Flask, gamma: str, alpha: str, run: Run
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        run("hospital.backup", alpha)
        with unit_of_work() as session:
            session.execute(sa.update(Backup).where(Backup.hospital_id == hospital_id(gamma)).values(location="away"))
            session.execute(
                sa.update(Backup)
                .where(Backup.hospital_id == hospital_id(alpha))
                .values(hospital_id=hospital_id(gamma), started_at=clock.now())
            )
        for kind in (DRILL_OPERATION, "hospital.restore"):
            with pytest.raises(OtherHospital):
                run(kind, gamma)


def test_the_longest_unproven_is_asked_for_first_and_nobody_twice(
    app: Flask, gamma: str, alpha: str, beta: str, run: Run
) -> None:
    now = clock.now()
    with app.app_context():
        for code, days in ((alpha, 9), (beta, 3), (gamma, None)):
            run("hospital.backup", code)
            with unit_of_work() as session:
                proven = None if days is None else now - timedelta(days=days)
                mine = sa.update(Backup).where(Backup.hospital_id == hospital_id(code))
                session.execute(mine.values(proven_at=proven))
        assert request_due_drills(ACTOR, limit=1) == [gamma]
        assert request_due_drills(ACTOR, limit=1) == []
        with unit_of_work() as session:
            asked = session.scalars(sa.select(Operation.id).where(Operation.kind == DRILL_OPERATION)).one()
        perform(asked)
        assert request_due_drills(ACTOR) == [alpha]


def test_a_hospital_without_a_proof_for_two_intervals_is_in_trouble(
    app: Flask, gamma: str, alpha: str, platform: Platform
) -> None:
    with app.app_context():
        with unit_of_work() as session:
            session.execute(
                sa.update(Hospital).where(Hospital.code == gamma).values(created_at=clock.now() - timedelta(days=15))
            )
        with platform.admin() as connection:
            connection.execute(
                "INSERT INTO health_checks (id, hospital_id, service, status, details, checked_at)"
                " SELECT gen_random_uuid(), id, 'database', 'up', '{}', now() FROM hospitals"
            )
        with unit_of_work():
            conditions = {row.code: row.condition for row in list_fleet().items}
        assert conditions[gamma] == Condition.UNPROVEN.value
        assert conditions[alpha] == Condition.UP.value


def test_a_server_without_room_is_not_filled(
    app: Flask, platform: Platform, gamma: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        before = names_of_databases(platform)
        monkeypatch.setattr(source.StoredBackup, "plain_bytes", property(lambda _backup: 10**12))
        with platform.admin() as connection:
            connection.execute("UPDATE database_clusters SET capacity_gb = 100")
        try:
            with pytest.raises(NoRoom, match="1430512"):
                run(DRILL_OPERATION, gamma)
        finally:
            with platform.admin() as connection:
                connection.execute("UPDATE database_clusters SET capacity_gb = NULL")
        assert names_of_databases(platform) == before
