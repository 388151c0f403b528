"""A hospital is deleted after a verified backup and a grace period, wholly and once, and a certificate says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.blobs import file_store
from app.core.errors import InvalidValue, VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.ending import deleting
from app.tenancy.ending.certificates import get_certificate, verify, written
from app.tenancy.ending.deleting import request_deletion, request_due_deletions, request_final
from app.tenancy.ending.errors import CertificateAltered, NotDueYet
from app.tenancy.errors import HospitalBusy, HospitalExists, UnknownHospital
from app.tenancy.index import find_hospitals
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.models import (
    Backup,
    BackupState,
    HospitalDatabase,
    HospitalStatus,
    PatientIndexEntry,
)
from app.tenancy.operations import DeletionPending, NothingPending, NotInThisState, keep_hospital, resume_hospital
from app.tenancy.provisioning import HospitalRequest, request_hospital
from tests.integration.tenancy.ending.conftest import (
    ask_for_due,
    asked,
    hospital_of,
    let_grace_pass,
    own_orphans,
    prepare,
    status_of,
    suspend,
)
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).parents[4]


def exists(platform: Platform, database: str) -> bool:
    with platform.cluster.connect() as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None


def place_of(code: str) -> tuple[str, str]:
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase.database_name, HospitalDatabase.login_role)
        row = session.execute(query.where(HospitalDatabase.hospital_id == hospital_of(code).id)).one()
        return row[0], row[1]


def test_a_hospital_that_serves_is_not_deleted(gamma: str) -> None:
    with pytest.raises(NotInThisState):
        asked(request_deletion, gamma, "Đóng cửa")


def test_a_deletion_wants_a_reason(gamma: str) -> None:
    suspend(gamma)
    with pytest.raises(InvalidValue):
        asked(request_deletion, gamma, "  ")


def test_preparing_makes_a_verified_backup_and_begins_the_grace_period(gamma: str) -> None:
    suspend(gamma)
    result = prepare(gamma)
    hospital = hospital_of(gamma)
    assert hospital.status is HospitalStatus.SUSPENDED
    assert hospital.delete_after is not None
    with unit_of_work() as session:
        backup = session.get_one(Backup, result["backup"])
        assert (backup.state, backup.reason) == (BackupState.COMPLETE, "before_delete")
        assert backup.verified_at is not None


def test_without_a_backup_nothing_is_deleted(gamma: str, monkeypatch: pytest.MonkeyPatch, context: Flask) -> None:
    class NoRoom(VienError):
        default_message = "no room"

    def fail(*_args: Any, **_facts: Any) -> None:
        raise NoRoom

    suspend(gamma)
    with monkeypatch.context() as patched:
        patched.setattr("app.tenancy.backups.backing_up.write_backup", fail)
        with pytest.raises(NoRoom):
            prepare(gamma)
    assert hospital_of(gamma).delete_after is None
    with unit_of_work():
        assert request_due_deletions(ACTOR, wake=False) == []


def test_until_the_grace_period_ends_nothing_is_deleted(gamma: str) -> None:
    suspend(gamma)
    prepare(gamma)
    with unit_of_work():
        assert request_due_deletions(ACTOR, wake=False) == []
    with pytest.raises(NotDueYet), unit_of_work() as session:
        request_final(ACTOR, session.merge(hospital_of(gamma)), wake=False)
    with pytest.raises(DeletionPending), unit_of_work():
        resume_hospital(ACTOR, gamma)
    with pytest.raises(DeletionPending):
        asked(request_deletion, gamma, "Nữa")


def test_a_deletion_can_be_taken_back(gamma: str) -> None:
    suspend(gamma)
    prepare(gamma)
    with unit_of_work():
        keep_hospital(ACTOR, gamma)
    with unit_of_work():
        resume_hospital(ACTOR, gamma)
    with bind_hospital(gamma):
        pass
    with pytest.raises(NotInThisState), unit_of_work():
        keep_hospital(ACTOR, gamma)
    suspend(gamma)
    with pytest.raises(NothingPending), unit_of_work():
        keep_hospital(ACTOR, gamma)


def test_a_deleted_hospital_leaves_nothing_but_what_its_certificate_says(
    gamma: str, platform: Platform, context: Flask
) -> None:
    hospital_id, (database, role) = hospital_of(gamma).id, place_of(gamma)
    file_store().put(hospital_id, [b"an x-ray"])
    suspend(gamma)
    prepared = prepare(gamma)
    let_grace_pass(gamma)
    assert perform(ask_for_due())["databases"] == 1
    assert status_of(gamma) is HospitalStatus.DELETED
    assert not exists(platform, database)
    with platform.cluster.connect() as connection:
        assert connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None
    assert list(file_store().list(hospital_id)) == []
    assert own_orphans() == []
    with unit_of_work() as session:
        index = sa.select(sa.func.count()).where(PatientIndexEntry.hospital_id == hospital_id)
        assert session.scalar(index) == 0
        certificate = get_certificate(hospital_id)
        document = verify(written(certificate))
    assert document["destroyed"]["databases"] == [{"server": "main", "database": database, "role": role}]
    assert document["destroyed"]["rows"]["patients"] == 2
    assert document["destroyed"]["files"] == 1
    assert document["destroyed"]["central_rows"]["patient_index"] == 2
    assert document["asked"]["reason"] == "Bệnh viện đã giải thể"
    assert [kept["id"] for kept in document["remains"]["backups"]] == [prepared["backup"]]
    assert document["remains"]["backups"][0]["until"] > document["done"]["closed_at"]


def test_the_code_of_a_deleted_hospital_is_never_given_to_another(gamma: str, context: Flask) -> None:
    suspend(gamma)
    prepare(gamma)
    let_grace_pass(gamma)
    perform(ask_for_due())
    tenancy().registry.forget()
    with pytest.raises(HospitalExists), unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code=gamma, name="Gamma", display_name="Gamma"))
    with pytest.raises(UnknownHospital), bind_hospital(gamma):
        pass
    assert find_hospitals("phone", "+84900000001") == []


@pytest.mark.parametrize("change", ["rows", "reason", "signature", "key"])
def test_a_certificate_that_was_tampered_with_is_found_out(
    gamma: str, change: str, monkeypatch: pytest.MonkeyPatch, context: Flask
) -> None:
    suspend(gamma)
    prepare(gamma)
    let_grace_pass(gamma)
    perform(ask_for_due())
    with unit_of_work():
        handed_out = written(get_certificate(hospital_of(gamma).id))
    assert verify(handed_out)
    if change == "rows":
        handed_out["document"]["destroyed"]["rows"]["patients"] = 1
    elif change == "reason":
        handed_out["document"]["asked"]["reason"] = "Khác"
    elif change == "signature":
        handed_out["signature"] = handed_out["signature"][::-1]
    else:
        other = context.extensions["settings"].model_copy(update={"vien_signing_key": "A" * 43 + "="})
        monkeypatch.setitem(context.extensions, "settings", other)
    with pytest.raises(CertificateAltered):
        verify(handed_out)


@pytest.mark.parametrize("step", ["_drop_databases", "_drop_logins", "_forget", "_settle_backups"])
def test_a_deletion_that_stops_goes_on_and_nobody_reaches_what_is_half_gone(
    gamma: str, step: str, platform: Platform, monkeypatch: pytest.MonkeyPatch, context: Flask
) -> None:
    class Killed(BaseException):
        """The process ends."""

    done = getattr(deleting, step)

    def do_and_die(*args: Any) -> None:
        done(*args)
        raise Killed

    database, _role = place_of(gamma)
    suspend(gamma)
    prepare(gamma, destroy=True)
    let_grace_pass(gamma)
    operation_id = ask_for_due()
    with monkeypatch.context() as patched:
        patched.setattr(deleting, step, do_and_die)
        with pytest.raises(Killed):
            perform(operation_id)
    tenancy().registry.forget()
    with pytest.raises(UnknownHospital), bind_hospital(gamma):
        pass
    perform(operation_id)
    assert not exists(platform, database)
    with unit_of_work():
        document = verify(written(get_certificate(hospital_of(gamma).id)))
    assert document["destroyed"]["databases"][0]["database"] == database
    assert len(document["destroyed"]["backups"]) == 1


KILL = """
import os, signal, sys
from uuid import UUID
from app import create_app
from app.tenancy.ending import deleting
from app.tenancy.ledger.performing import perform
drop = deleting.drop_place
def drop_and_die(*args):
    drop(*args)
    os.kill(os.getpid(), signal.SIGKILL)
deleting.drop_place = drop_and_die
app = create_app()
with app.app_context():
    perform(UUID(sys.argv[1]))
"""


def test_a_process_killed_in_the_middle_of_a_deletion_is_followed_by_one_that_ends_it(
    gamma: str, platform: Platform, context: Flask
) -> None:
    database, _role = place_of(gamma)
    suspend(gamma)
    prepare(gamma)
    let_grace_pass(gamma)
    operation_id = ask_for_due()
    killed = subprocess.run(
        [sys.executable, "-c", KILL, str(operation_id)],
        cwd=ROOT,
        env=os.environ | platform.environment(),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not exists(platform, database)
    assert status_of(gamma) is HospitalStatus.DELETED
    perform(operation_id)
    with unit_of_work():
        assert verify(written(get_certificate(hospital_of(gamma).id)))["destroyed"]["databases"][0]["server"] == "main"


def test_of_two_operators_at_once_one_is_told_that_the_other_is_at_it(gamma: str, context: Flask) -> None:
    suspend(gamma)
    operation_id = asked(request_deletion, gamma, "Đóng cửa")
    with holding_hospital(hospital_of(gamma).id, "test"), pytest.raises(HospitalBusy):
        perform(operation_id)
    perform(operation_id)
    assert hospital_of(gamma).delete_after is not None
