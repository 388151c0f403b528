"""A copy of one's own data: complete, one's own, encrypted, made once though workers die, gone after its time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.blobs import FileStore, file_store
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.files.models import File, FileLink
from app.domain.privacy.exports import (
    ATTEMPTS,
    ExportGone,
    ask_for_export,
    end_old_exports,
    fetch_export,
    have_exports_due,
    make_due_exports,
)
from app.domain.privacy.holdings import list_exported
from app.domain.privacy.models import OwnExport
from app.domain.records.models import MedicalRecord, RecordStatus
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.binding import bind_hospital, bound_hospital
from tests import factories
from tests.support.platform import ACTOR, Platform

Bind = Callable[[str], Any]
OWN = "/h/alpha/patient/my-data"


def ask(bound: Bind, patient_id: Any) -> Any:
    with bound("alpha"):
        return ask_for_export(ACTOR, patient_id).id


def make(app: Flask) -> int:
    with app.app_context(), bind_hospital("alpha"):
        return make_due_exports()


def opened(bound: Bind, patient_id: Any, export_id: Any) -> zipfile.ZipFile:
    with bound("alpha"):
        _, content = fetch_export(ACTOR, patient_id, export_id)
        return zipfile.ZipFile(io.BytesIO(b"".join(content)))


def stored(platform: Platform) -> set[Path]:
    """Return what lies in the file store."""
    return {path for path in (platform.var / "files").rglob("*") if path.is_file()}


def test_a_copy_carries_everything_of_one_patient_and_nothing_of_another(app: Flask, bound: Bind, world: Any) -> None:
    with bound("alpha"):
        digest, size = file_store().put(bound_hospital().id, [b"X-ray of somebody"])
        file = File(sha256=digest, size_bytes=size, media_type="text/plain", name="../x quang <1>.txt")
        db.session.add(file)
        db.session.flush()
        link = {"file_id": file.id, "subject_type": "appointment", "subject_id": world.signed_id}
        db.session.add(FileLink(**link, patient_id=world.patient_id))
    export_id = ask(bound, world.patient_id)
    assert make(app) == 1
    copy = opened(bound, world.patient_id, export_id)
    tables = {name.split("/")[1][:-5]: json.loads(copy.read(name)) for name in copy.namelist() if "data/" in name}
    assert set(tables) == {
        holding.table for holding in list_exported() if holding.table in db.metadatas["hospital"].tables
    }
    for filled in ("patients", "appointments", "medical_records", "record_diagnoses", "prescriptions", "vital_signs"):
        assert tables[filled], filled
    with bound("alpha"):
        draft = MedicalRecord.patient_id == world.patient_id, MedicalRecord.status == RecordStatus.DRAFT
        assert db.session.scalar(sa.select(sa.exists().where(*draft))), "somebody is writing something meanwhile"
    assert {row["status"] for name in ("medical_records", "prescriptions") for row in tables[name]} == {"signed"}
    assert world.name in copy.read("README.html").decode()
    everything = "".join(copy.read(name).decode() for name in copy.namelist() if not name.startswith("files/"))
    assert world.other_name not in everything
    assert str(world.other_patient_id) not in everything
    assert "argon2" not in everything
    attached = [name for name in copy.namelist() if name.startswith("files/")]
    assert [name for name in attached if copy.read(name) == b"X-ray of somebody"]
    assert not [name for name in attached if "/" in name.removeprefix("files/")]
    assert json.loads(copy.read("about.json"))["tables"]["patients"] == 1


def test_what_lies_in_the_store_is_encrypted(app: Flask, bound: Bind, world: Any, platform: Platform) -> None:
    ask(bound, world.patient_id)
    make(app)
    kept = [path.read_bytes() for path in (platform.var / "files").rglob("*") if path.is_file()]
    assert kept
    assert not any(content.startswith(b"PK") or world.canary.encode() in content for content in kept)


def test_asking_twice_makes_one_copy(app: Flask, bound: Bind, world: Any) -> None:
    assert ask(bound, world.patient_id) == ask(bound, world.patient_id)
    assert make(app) == 1
    assert make(app) == 0


def test_a_worker_killed_in_the_middle_leaves_work_and_no_second_file(
    app: Flask, bound: Bind, world: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(platform)
    export_id = ask(bound, world.patient_id)
    put = FileStore.put

    def killed(store: FileStore, *args: Any) -> Any:
        put(store, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(FileStore, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        make(app)
    monkeypatch.undo()
    assert make(app) == 0, "it is the dead worker's until its claim ends"
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        with bound("alpha"):
            assert have_exports_due()
        assert make(app) == 1
        assert opened(bound, world.patient_id, export_id).testzip() is None
    assert len(stored(platform) - before) == 1


def test_what_cannot_be_made_is_given_up_and_can_be_asked_for_again(
    app: Flask, bound: Bind, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = ask(bound, world.patient_id)
    monkeypatch.setattr(FileStore, "put", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    for attempt in range(ATTEMPTS):
        with clock.frozen_at(clock.now() + timedelta(minutes=11 * attempt)), pytest.raises(OSError, match="disk full"):
            make(app)
    monkeypatch.undo()
    with clock.frozen_at(clock.now() + timedelta(minutes=11 * ATTEMPTS)):
        make(app)
        with bound("alpha"):
            row = db.session.get_one(OwnExport, export_id)
            assert (row.ended_at is not None, row.error) == (True, "given up")
        assert ask(bound, world.patient_id) != export_id


def test_a_copy_ends_after_its_time(app: Flask, bound: Bind, world: Any, platform: Platform) -> None:
    before = stored(platform)
    export_id = ask(bound, world.patient_id)
    make(app)
    assert stored(platform) > before
    with clock.frozen_at(clock.now() + timedelta(days=8)):
        with bound("alpha"), pytest.raises(ExportGone):
            fetch_export(ACTOR, world.patient_id, export_id)
        with app.app_context(), bind_hospital("alpha"):
            assert end_old_exports() == 1
            assert end_old_exports() == 0
            with unit_of_work():
                assert not have_exports_due()
    assert stored(platform) == before


def test_a_patient_fetches_their_own_and_it_is_written_down(
    app: Flask, bound: Bind, sign_in_patient: Any, sign_in_staff: Any, alpha: str
) -> None:
    browser = sign_in_patient(alpha)
    assert browser.submit(f"{OWN}/export/file", page=f"{OWN}/requests/new").status_code == 404
    assert browser.submit(f"{OWN}/export", page=OWN).status_code == 303
    make(app)
    fetched = browser.submit(f"{OWN}/export/file", page=OWN)
    assert fetched.status_code == 200
    assert fetched.mimetype == "application/zip"
    assert fetched.headers["Content-Disposition"].startswith("attachment")
    assert browser.person["full_name"] in zipfile.ZipFile(io.BytesIO(fetched.data)).read("README.html").decode()
    assert sign_in_patient(alpha).submit(f"{OWN}/export/file", page=f"{OWN}/requests/new").status_code == 404
    with bound(alpha):
        events = db.session.scalars(
            sa.select(HospitalSecurityEvent).where(HospitalSecurityEvent.kind == "export.own_data")
        )
        assert [event.subject_id for event in events] == [browser.person["patient_id"]]
    desk = f"/h/alpha/hospital/patients/{browser.person['patient_id']}"
    admin = sign_in_staff(alpha, "administrator")
    assert admin.submit(f"{desk}/export/file", page=f"{desk}/privacy").status_code == 200
    doctor = sign_in_staff(alpha, "doctor")
    assert doctor.submit(f"{desk}/export/file", page="/h/alpha/hospital/patients").status_code == 403


def test_a_patient_with_ten_thousand_rows_gets_them_all(
    app: Flask, bound: Bind, platform: Platform, alpha: str
) -> None:
    with bound(alpha):
        patient, nurse = factories.make_patient().id, factories.make_staff("nurse").id
    with platform.admin(alpha) as connection:
        connection.execute(
            "INSERT INTO vital_signs (id, patient_id, measured_at, measured_by, pulse)"
            " SELECT gen_random_uuid(), %s, now() - n * interval '1 minute', %s, 60 FROM generate_series(1, 10000) n",
            (patient, nurse),
        )
    export_id = ask(bound, patient)
    make(app)
    assert len(json.loads(opened(bound, patient, export_id).read("data/vital_signs.json"))) == 10_000
