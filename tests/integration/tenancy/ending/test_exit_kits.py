"""An exit kit has everything of a hospital, says so in its manifest, and can be restored without us."""

from __future__ import annotations

import csv
import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.db import db
from app.core.embedded import Services, remove, start_services
from app.core.postgres_programs import find_program
from app.domain.files.models import File
from app.tenancy.backups.storage import backup_store
from app.tenancy.ending.errors import KitDamaged, NoKit
from app.tenancy.ending.exit_kits import (
    PlaceTaken,
    drop_ended_kits,
    list_kits,
    open_kit,
    request_exit_kit,
    write_here,
)
from app.tenancy.ending.kit_checking import check_kit
from app.tenancy.ending.kits import safe_name
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.ledger.performing import perform
from tests.integration.tenancy.ending.conftest import archive, asked, hospital_of, suspend
from tests.support.platform import ACTOR, Platform

NAME = "X-quang ngực/ảnh 1.png"


def quiet(*_heard: Any) -> None:
    return None


@pytest.fixture
def with_file(gamma: str, bound: Any) -> str:
    digest, size = file_store().put(hospital_of(gamma).id, [b"an x-ray"])
    with bound(gamma):
        db.session.add(File(sha256=digest, size_bytes=size, media_type="image/png", name=NAME))
    return gamma


@pytest.fixture
def kit(with_file: str, tmp_path: Path) -> Path:
    """A kit in a folder."""
    write_here(ACTOR, with_file, tmp_path / "kit", quiet)
    return tmp_path / "kit"


def test_every_table_is_there_twice_with_all_its_rows(kit: Path, platform: Platform, gamma: str) -> None:
    manifest = check_kit(kit)
    with platform.admin(gamma) as connection:
        tables = {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # type: ignore[index]
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
            ).fetchall()
        }
    assert manifest["rows"] == tables
    assert {path.stem for path in (kit / "csv").iterdir()} == set(tables)
    assert {path.stem for path in (kit / "jsonl").iterdir()} == set(tables)
    assert tables["patients"] == 2
    assert tables["audit_log"] > 0


def test_what_people_wrote_comes_out_as_they_wrote_it(kit: Path) -> None:
    with (kit / "csv" / "patients.csv").open(encoding="utf-8", newline="") as file:
        names = {row["full_name"] for row in csv.DictReader(file)}
    lines = (kit / "jsonl" / "patients.jsonl").read_text(encoding="utf-8").splitlines()
    assert 'Nguyễn "Ba", Thị\nHai' in names
    assert {json.loads(line)["full_name"] for line in lines} == names
    assert (kit / "csv" / "patients.csv").read_bytes().endswith(b"\r\n")


def test_files_have_their_own_names_and_lost_ones_are_named(with_file: str, tmp_path: Path, bound: Any) -> None:
    with bound(with_file):
        db.session.add(File(sha256="0" * 64, size_bytes=3, media_type="text/plain", name="mất.txt"))
    manifest = write_here(ACTOR, with_file, tmp_path / "kit", quiet)
    assert [file["name"] for file in manifest["files"]] == [NAME]
    assert (tmp_path / "kit" / manifest["files"][0]["path"]).read_bytes() == b"an x-ray"
    assert [file["name"] for file in manifest["missing_files"]] == ["mất.txt"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b.txt", "a_b.txt"),
        ("...", "file"),
        (".png", "png"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
        ("kết quả.pdf", "kết quả.pdf"),
    ],
)
def test_a_files_name_leads_nowhere_else(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_dictionary_explains_every_column(kit: Path) -> None:
    tables = {table["name"]: table for table in json.loads((kit / "dictionary.json").read_text())["tables"]}
    assert set(tables) == {path.stem for path in (kit / "csv").iterdir()}
    columns = {column["name"]: column for column in tables["appointments"]["columns"]}
    assert columns["patient_id"]["references"] == "patients.id"
    assert columns["id"]["primary_key"]
    assert tables["appointments"]["meaning"]


@pytest.mark.parametrize("change", ["altered", "missing", "further", "manifest"])
def test_checking_names_what_is_wrong(kit: Path, change: str) -> None:
    named = kit / "csv" / "patients.csv"
    if change == "altered":
        named.write_bytes(named.read_bytes().replace(b"Hai", b"Hay"))
    elif change == "missing":
        named.unlink()
    elif change == "further":
        named = kit / "csv" / "others.csv"
        named.write_text("id\r\n")
    else:
        named = kit / "manifest.json"
        named.write_text(named.read_text().replace('"patients": 2', '"patients": 3'))
    with pytest.raises(KitDamaged) as caught:
        check_kit(kit)
    assert named.name in caught.value.faults[0]


def test_a_zip_is_the_same_and_a_cut_one_is_found_out(with_file: str, tmp_path: Path) -> None:
    path = tmp_path / "kit.zip"
    write_here(ACTOR, with_file, path, quiet)
    assert check_kit(path)["rows"]["patients"] == 2
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(PlaceTaken):
        write_here(ACTOR, with_file, path, quiet)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(KitDamaged):
        check_kit(path)
    with pytest.raises(NoKit):
        check_kit(tmp_path / "nothing.zip")


def test_a_kit_that_stops_leaves_no_file(with_file: str, tmp_path: Path) -> None:
    class Broken(Exception):
        """Something fails."""

    def fail(done: int, *_rest: Any) -> None:
        if done > 3:
            raise Broken

    with pytest.raises(Broken):
        write_here(ACTOR, with_file, tmp_path / "kit.zip", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_kit_in_the_store_is_encrypted_handed_out_and_removed_in_time(with_file: str, tmp_path: Path) -> None:
    hospital_id = hospital_of(with_file).id
    result = perform(asked(request_exit_kit, with_file))
    (stored,) = list_kits(hospital_id)
    assert stored.name == result["name"]
    with backup_store().reading(f"exit-kits/{hospital_id}/{stored.name}") as source:
        assert b"patients" not in source.read()
    path = tmp_path / "kit.zip"
    path.write_bytes(b"".join(open_kit(hospital_id, stored.name)))
    assert check_kit(path)["hospital"]["code"] == with_file
    assert zipfile.ZipFile(path).testzip() is None
    assert drop_ended_kits() == 0
    with clock.frozen_at(clock.now() + timedelta(days=8)):
        assert list_kits(hospital_id) == []
        with pytest.raises(NoKit):
            open_kit(hospital_id, stored.name)
        assert drop_ended_kits() == 1
    with pytest.raises(NoKit):
        open_kit(hospital_id, stored.name)


@pytest.mark.parametrize("out_of_service", [suspend, archive])
def test_a_hospital_out_of_service_gets_one_too(gamma: str, out_of_service: Any, tmp_path: Path) -> None:
    out_of_service(gamma)
    assert write_here(ACTOR, gamma, tmp_path / "kit", quiet)["rows"]["patients"] == 2


def test_while_somebody_changes_the_hospital_no_kit_is_made(gamma: str, tmp_path: Path) -> None:
    with holding_hospital(hospital_of(gamma).id, "test"), pytest.raises(HospitalBusy):
        write_here(ACTOR, gamma, tmp_path / "kit", quiet)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A PostgreSQL that has never heard of us: none of our roles, none of our databases."""
    services = start_services(tmp_path_factory.mktemp("elsewhere"), fast=True, with_valkey=False)
    yield services
    services.stop()
    remove(services.var)


def test_the_dump_restores_into_a_postgresql_that_has_never_heard_of_us(
    kit: Path, elsewhere: Services, context: Flask
) -> None:
    url = elsewhere.admin_database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE hospital")
        for role in ("vien_app", "vien_patient"):  # as README.txt says
            connection.execute(f"CREATE ROLE {role}")
        major = connection.info.server_version // 10_000
    target = url.rpartition("/")[0] + "/hospital"
    restore = find_program("pg_restore", major)
    command = [
        str(restore),
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "-d",
        target,
        str(kit / "database.dump"),
    ]
    restored = subprocess.run(command, capture_output=True, text=True, check=False)
    assert restored.returncode == 0, restored.stderr
    rows = check_kit(kit)["rows"]
    with psycopg.connect(target) as connection:
        for table, count in rows.items():
            assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (count,), table
        name = connection.execute("SELECT full_name FROM patients WHERE full_name LIKE 'Nguyễn%'").fetchone()
    assert name == ('Nguyễn "Ba", Thị\nHai',)
