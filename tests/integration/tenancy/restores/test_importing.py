"""A hospital of another installation is taken over under a new code, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.crypto import Keyring
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import StaffUser
from app.domain.identity.totp import enrol
from app.domain.patients.models import Patient
from app.tenancy.backups.errors import BackupDamaged, NotABackup
from app.tenancy.binding import bind_hospital
from app.tenancy.errors import HospitalExists
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import retry_operation
from app.tenancy.models import Hospital, HospitalStatus, Operation, OperationState, PatientIndexEntry
from app.tenancy.provisioning import HospitalRequest
from app.tenancy.restores import importing
from app.tenancy.restores.errors import NewerSchema, NotADump
from app.tenancy.restores.importing import request_import
from tests.factories import make_patient, make_staff
from tests.integration.tenancy.restores.conftest import (
    Run,
    archive_of,
    backup_of,
    dump,
    flip_a_byte,
    hospital_id,
    names_of_databases,
)
from tests.support.platform import ACTOR, Platform

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def take_over(app: Flask) -> Import:
    """`take_over("delta", dump)`: import a dump under a new code."""

    def take(code: str, path: Path) -> dict[str, Any]:
        with unit_of_work():
            request = HospitalRequest(code=code, name=f"Bệnh viện {code}", display_name=code.title())
            wanted = request_import(ACTOR, request, dump=path, wake=False).id
        return perform(wanted)

    return take


def test_a_hospital_is_taken_over_under_a_new_code_and_a_new_identity(
    app: Flask, platform: Platform, gamma: str, bound: Any, take_over: Import, tmp_path: Path
) -> None:
    with bound(gamma):
        make_patient(full_name="Nguyễn Thị Đến")
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with app.app_context():
        result = take_over("delta", path)
        assert (result["code"], result["rows"] > 100) == ("delta", True)
        with bind_hospital("delta") as hospital, unit_of_work() as session:
            assert hospital.id != hospital_id(gamma)
            assert session.scalars(sa.select(Patient.full_name)).all() == ["Nguyễn Thị Đến"]
        with unit_of_work() as session:
            known = sa.select(PatientIndexEntry.id).where(PatientIndexEntry.hospital_id == hospital_id("delta"))
            assert len(session.scalars(known).all()) == 1
        assert app.test_client().get("/h/delta/hospital/sign-in").status_code == 200
        assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200


def test_second_factors_under_a_key_that_is_not_here_are_dropped_and_others_kept(
    app: Flask, platform: Platform, gamma: str, bound: Any, take_over: Import, tmp_path: Path
) -> None:
    elsewhere = Keyring({"elsewhere": bytes(32)})
    with bound(gamma):
        enrol(elsewhere, make_staff(username="lost"), "JBSWY3DPEHPK3PXP" * 2)
        enrol(app.extensions["keyring"], make_staff(username="kept"), "JBSWY3DPEHPK3PXP" * 2)
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with app.app_context():
        assert take_over("delta", path)["second_factors_dropped"] == 1
        with bind_hospital("delta"), unit_of_work() as session:
            enrolled = sa.select(StaffUser.username).where(StaffUser.totp_ciphertext.is_not(None))
            assert session.scalars(enrolled).all() == ["kept"]


@pytest.mark.parametrize(("code", "error"), [("alpha", HospitalExists), ("admin", InvalidValue), ("A b", InvalidValue)])
def test_a_taken_or_reserved_code_is_refused_before_anything_is_done(
    app: Flask, alpha: str, take_over: Import, tmp_path: Path, code: str, error: type[Exception]
) -> None:
    with app.app_context():
        with pytest.raises(error):
            take_over(code, tmp_path / "any.dump")
        with unit_of_work() as session:
            assert session.scalars(sa.select(Operation.id)).all() == []


def test_what_is_no_dump_takes_no_code(app: Flask, take_over: Import, tmp_path: Path) -> None:
    (tmp_path / "letter.dump").write_bytes(b"Dear hospital")
    with app.app_context():
        with pytest.raises(NotADump):
            take_over("delta", tmp_path / "letter.dump")
        with unit_of_work() as session:
            assert session.scalar(sa.select(Hospital.id).where(Hospital.code == "delta")) is None


def test_a_newer_schema_is_never_reachable_and_leaves_no_database(
    app: Flask, platform: Platform, gamma: str, take_over: Import, tmp_path: Path
) -> None:
    with platform.admin(gamma) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'h999'")
    path = dump(platform, gamma, tmp_path / "newer.dump")
    with app.app_context():
        before = names_of_databases(platform)
        with pytest.raises(NewerSchema):
            take_over("delta", path)
        assert names_of_databases(platform) == before
        assert app.test_client().get("/h/delta/hospital/sign-in").status_code in (404, 503)


def test_an_import_that_stopped_goes_on_where_it_was(
    app: Flask, platform: Platform, gamma: str, take_over: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dump(platform, gamma, tmp_path / "gamma.dump")

    def out_of_order(*_facts: Any) -> None:
        raise RuntimeError("the machine went away")

    with app.app_context():
        with monkeypatch.context() as patched:
            patched.setattr(importing, "_open_hospital", out_of_order)
            with pytest.raises(RuntimeError):
                take_over("delta", path)
        assert app.test_client().get("/h/delta/hospital/sign-in").status_code == 503
        with unit_of_work() as session:
            stopped = session.scalars(sa.select(Operation).where(Operation.state == OperationState.FAILED)).one()
            retry_operation(ACTOR, stopped.id, wake=False)
        perform(stopped.id)
        with unit_of_work() as session:
            status = session.scalars(sa.select(Hospital.status).where(Hospital.code == "delta")).one()
            assert status is HospitalStatus.ACTIVE
        db.session.remove()


def test_a_backup_of_the_store_is_taken_over(app: Flask, gamma: str, bound: Any, run: Run) -> None:
    with bound(gamma):
        make_patient(full_name="Nguyễn Thị Đến")
    with app.app_context():
        run("hospital.backup", gamma)
        request = HospitalRequest(code="delta", name="Delta", display_name="Delta")
        with unit_of_work():
            wanted = request_import(ACTOR, request, location=backup_of(gamma).location, wake=False).id
        perform(wanted)
        with bind_hospital("delta"), unit_of_work() as session:
            assert session.scalars(sa.select(Patient.full_name)).all() == ["Nguyễn Thị Đến"]


def test_a_backup_with_a_flipped_byte_takes_no_code(app: Flask, gamma: str, run: Run) -> None:
    with app.app_context():
        run("hospital.backup", gamma)
        flip_a_byte(archive_of(app, backup_of(gamma)))
        request = HospitalRequest(code="delta", name="Delta", display_name="Delta")
        with unit_of_work():
            wanted = request_import(ACTOR, request, location=backup_of(gamma).location, wake=False).id
        with pytest.raises(BackupDamaged):
            perform(wanted)
        with unit_of_work() as session:
            assert session.scalar(sa.select(Hospital.id).where(Hospital.code == "delta")) is None


def test_a_place_without_a_backup_is_said(app: Flask) -> None:
    with app.app_context():
        request = HospitalRequest(code="delta", name="Delta", display_name="Delta")
        for place in ("nowhere", "../../etc"):
            with unit_of_work():
                wanted = request_import(ACTOR, request, location=place, wake=False).id
            with pytest.raises(NotABackup):
                perform(wanted)
