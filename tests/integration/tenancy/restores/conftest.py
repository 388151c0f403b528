"""A hospital with something to lose, and dumps and backups of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.patients.models import Patient
from app.tenancy.backups.archive import ARCHIVE
from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Backup, Hospital
from app.tenancy.queries import get_hospital
from app.tenancy.restores.filling import pg_restore
from tests.factories import make_patient
from tests.support.platform import ACTOR, Platform

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> str:
    """A further hospital, dropped after the test with everything that was made of it."""
    platform.create_hospital("gamma")
    return "gamma"


@pytest.fixture
def run(app: Flask) -> Run:
    """`run("hospital.restore", "gamma", backup=…)`: perform an operation here and return what came of it."""

    def perform_here(kind: str, code: str, **arguments: Any) -> dict[str, Any]:
        with unit_of_work():
            wanted = request_operation(ACTOR, kind, hospital=get_hospital(code), arguments=arguments, wake=False).id
        return perform(wanted)

    return perform_here


def hospital_id(code: str) -> UUID:
    with unit_of_work() as session:
        return session.scalars(sa.select(Hospital.id).where(Hospital.code == code)).one()


def dump(platform: Platform, code: str, path: Path) -> Path:
    """Dump a hospital's present database by hand."""
    program = pg_restore(platform.cluster).with_name("pg_dump")
    url = platform.cluster.url_of(platform.database_name(code)).render_as_string(hide_password=False)
    subprocess.run([program, "-Fc", "-f", str(path), url], check=True)
    return path


def names_of_databases(platform: Platform) -> set[str]:
    """Return this platform's databases on the server: what a failed restore leaves behind is seen."""
    return platform.own_databases()


def back_up(code: str) -> None:
    """Back a hospital up here and now."""
    with unit_of_work():
        asked = request_operation(ACTOR, "hospital.backup", hospital=get_hospital(code), wake=False).id
    perform(asked)


def backup_of(code: str) -> Backup:
    """Return the row of a hospital's newest backup."""
    with unit_of_work() as session:
        query = sa.select(Backup).where(Backup.hospital_id == hospital_id(code)).order_by(Backup.id.desc())
        row = session.scalars(query).first()
        assert row is not None
        session.expunge(row)
        return row


def archive_of(app: Flask, backup: Backup) -> Path:
    """Return the file in which a backup's archive is, in a store that is a folder."""
    folder = Path(urlsplit(app.extensions["settings"].backup_address).path)
    return folder / backup.location / ARCHIVE


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file, as a worn disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def saved(app: Flask, platform: Platform, gamma: str, bound: Any, tmp_path: Path) -> Path:
    """A dump of gamma with one patient; another one is registered afterwards."""
    with bound(gamma):
        register("Nguyễn Thị Trước")
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with bound(gamma):
        register("Trần Văn Sau")
    return path


def register(name: str) -> Patient:
    patient = make_patient(full_name=name)
    record_change(
        ACTOR,
        "patient.register",
        subject_type="patient",
        subject_id=patient.id,
        patient_id=patient.id,
        event={"patient_version": patient.version},
    )
    return patient


def names(code: str) -> set[str]:
    with bind_hospital(code), unit_of_work() as session:
        return set(session.scalars(sa.select(Patient.full_name)))
