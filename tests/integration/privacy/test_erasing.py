"""Erasing: two people, legal holds, what the law keeps; nothing comes back, and nothing is left half done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.blobs import file_store
from app.core.db import db
from app.core.errors import NotFound
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia
from app.domain.appointments.operations import book_appointment
from app.domain.audit.models import AuditEntry
from app.domain.centre.sync import synchronise, synchronise_fully
from app.domain.files.models import File, FileLink
from app.domain.identity.models import PatientUser
from app.domain.messages.models import OutboundMessage
from app.domain.patients.models import Patient
from app.domain.privacy import performing
from app.domain.privacy.erasing import (
    ErasedAlready,
    HeldByLaw,
    MustBeKept,
    NeedsAnother,
    decide,
    place_hold,
    propose,
    release_hold,
)
from app.domain.privacy.models import Erasure, ErasureKind, ErasureState, PatientConsent
from app.domain.privacy.performing import have_erasures_due, perform_due_erasures
from app.domain.records.models import MedicalRecord, RecordDiagnosis, VitalSigns
from app.tenancy.binding import bind_hospital, bound_hospital
from app.tenancy.models import PatientErasure, PatientIndexEntry
from tests import factories
from tests.integration.tenancy.restores.conftest import back_up, backup_of, gamma, hospital_id, register, run
from tests.support.platform import ACTOR, Platform

__all__ = ["gamma", "run"]

Bind = Callable[[str], Any]
ONE, OTHER = (Actor(ActorKind.STAFF, uuid4(), name) for name in ("Một", "Hai"))
DEIDENTIFY, ERASE = ErasureKind.DEIDENTIFY, ErasureKind.ERASE


def approve(bound: Bind, code: str, patient_id: Any, kind: ErasureKind = DEIDENTIFY) -> Any:
    with bound(code):
        row = propose(ONE, patient_id, kind, "Theo yêu cầu")
        return decide(OTHER, patient_id, row.id, row.version, approve=True).id


def perform(app: Flask, code: str = "alpha") -> int:
    with app.app_context(), bind_hospital(code):
        return perform_due_erasures()


def texts_of(platform: Platform, code: str) -> str:
    """Return everything that stands in a hospital's tables but the logs, as one text."""
    found = []
    with platform.admin(code) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname !~ '^(audit_log|access_log|staff_users|security_events|medicines)'"
        ).fetchall()
        for (table,) in tables:
            found += [str(row[0]) for row in connection.execute(f'SELECT to_jsonb(t) FROM "{table}" t').fetchall()]
    return "\n".join(found)


def test_whoever_proposes_does_not_approve(bound: Bind, world: Any) -> None:
    with bound("alpha"):
        row = propose(ONE, world.patient_id, DEIDENTIFY, "Theo yêu cầu")
        with pytest.raises(NeedsAnother):
            decide(ONE, world.patient_id, row.id, row.version, approve=True)
        with pytest.raises(ErasedAlready):
            propose(OTHER, world.patient_id, DEIDENTIFY, "Lần nữa")
        with pytest.raises(NotFound):
            decide(OTHER, world.other_patient_id, row.id, row.version, approve=True)
        decide(ONE, world.patient_id, row.id, row.version, approve=False)
        assert row.state is ErasureState.REFUSED


def test_the_database_itself_refuses_an_erasure_by_one_person(bound: Bind, world: Any) -> None:
    with bound("alpha"):
        row = propose(ONE, world.patient_id, DEIDENTIFY, "Theo yêu cầu")
        with pytest.raises(sa.exc.DBAPIError, match="no approved erasure"), db.session.begin_nested():
            db.session.scalar(sa.select(sa.func.vien_erase_patient(row.id)), bind_arguments={"mapper": Erasure})
        with pytest.raises(sa.exc.IntegrityError, match="decided_by_two"), db.session.begin_nested():
            values = {"state": ErasureState.APPROVED, "decided_by": ONE.id}
            db.session.execute(sa.update(Erasure).where(Erasure.id == row.id).values(**values))


def test_the_application_cannot_pretend_to_be_erasing(bound: Bind, world: Any) -> None:
    with (
        bound("alpha"),
        pytest.raises(sa.exc.DBAPIError, match=r"never changed|permission denied"),
        db.session.begin_nested(),
    ):
        db.session.execute(sa.text("SET LOCAL vien.erasing = 'on'"), bind_arguments={"mapper": Erasure})
        db.session.execute(sa.update(VitalSigns).values(pulse=1))


def test_deidentifying_clears_who_it_is_and_keeps_what_the_law_keeps(
    app: Flask, bound: Bind, world: Any, platform: Platform
) -> None:
    approve(bound, "alpha", world.patient_id)
    assert perform(app) == 1
    assert perform(app) == 0
    with bound("alpha"):
        patient = db.session.get_one(Patient, world.patient_id)
        assert (patient.cccd, patient.phone, patient.email, patient.street) == (None, None, None, None)
        assert (patient.erased_at is not None, patient.deleted_at is not None) == (True, True)
        own = sa.select(MedicalRecord.id).where(MedicalRecord.patient_id == world.patient_id)
        assert db.session.scalar(own.limit(1)) is not None
        assert db.session.scalar(sa.select(PatientUser.id).where(PatientUser.patient_id == world.patient_id)) is None
        row = db.session.scalars(sa.select(Erasure)).one()
        kept = {one["what"]: one for one in row.statement["kept"]}
        assert kept["medical_records"]["until"] > (clock.now() + timedelta(days=9 * 365)).isoformat()
        assert row.statement["cleared"]["patient_users"] == 1
        states = db.session.scalars(sa.select(Appointment.status).where(Appointment.patient_id == world.patient_id))
        assert AppointmentStatus.BOOKED not in set(states)
    left = texts_of(platform, "alpha")
    assert world.name not in left
    assert world.cccd not in left
    assert world.phone not in left
    assert world.other_name in left, "the other patient is untouched"


def test_the_patients_browser_is_signed_out(
    app: Flask, bound: Bind, sign_in_patient: Any, sign_in_staff: Any, alpha: str
) -> None:
    browser = sign_in_patient(alpha)
    approve(bound, alpha, browser.person["patient_id"])
    perform(app)
    assert browser.get("/h/alpha/patient/home").status_code == 303
    admin = sign_in_staff(alpha, "administrator")
    assert admin.get(f"/h/alpha/hospital/patients/{browser.person['patient_id']}/privacy").status_code == 200
    assert admin.get(f"/h/alpha/hospital/patients/{browser.person['patient_id']}").status_code == 404


def test_what_the_law_keeps_is_not_erased_before_its_time(app: Flask, bound: Bind, world: Any) -> None:
    with bound("alpha"), pytest.raises(MustBeKept):
        propose(ONE, world.patient_id, ERASE, "Theo yêu cầu")
    with bound("alpha"):
        db.session.execute(sa.insert(Erasure).values(
            id=uuid4(), patient_id=world.patient_id, kind=ERASE, state="approved", reason="x", proposed_by=ONE.id,
            proposed_by_name="", decided_by=OTHER.id, proposed_at=clock.now(), version=1, statement={},
        ))  # fmt: skip
    assert perform(app) == 0, "the database asks by itself"
    with bound("alpha"):
        assert db.session.scalars(sa.select(Erasure.state)).one() is ErasureState.REFUSED


def test_after_its_time_everything_clinical_goes(app: Flask, bound: Bind, world: Any, platform: Platform) -> None:
    with platform.admin("alpha") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE medical_records SET signed_at = signed_at - interval '21 years' WHERE signed_at IS NOT NULL"
        )
    approve(bound, "alpha", world.patient_id, ERASE)
    assert perform(app) == 1
    with bound("alpha"):
        for model in (MedicalRecord, VitalSigns):
            assert db.session.scalar(sa.select(model.id).where(model.patient_id == world.patient_id)) is None
        left = db.session.scalars(sa.select(RecordDiagnosis.record_id)).all()
        assert set(left) <= set(db.session.scalars(sa.select(MedicalRecord.id)))
        with pytest.raises(ErasedAlready):
            propose(ONE, world.patient_id, ERASE, "Lần nữa")


def test_a_hold_forbids_and_one_that_comes_meanwhile_stops_it(app: Flask, bound: Bind, world: Any) -> None:
    with bound("alpha"):
        hold = place_hold(ONE, world.patient_id, "Tranh chấp, hồ sơ số 12")
        with pytest.raises(HeldByLaw):
            propose(ONE, world.patient_id, DEIDENTIFY, "Theo yêu cầu")
        release_hold(OTHER, world.patient_id, hold.id, "Đã kết thúc")
    approve(bound, "alpha", world.patient_id)
    with bound("alpha"):
        place_hold(ONE, world.patient_id, "Cơ quan điều tra yêu cầu")
    assert perform(app) == 0
    with bound("alpha"):
        assert db.session.get_one(Patient, world.patient_id).erased_at is None
        assert "hold" in db.session.scalars(sa.select(Erasure)).one().statement["refused"]


def test_two_workers_perform_an_erasure_once(app: Flask, bound: Bind, world: Any) -> None:
    approve(bound, "alpha", world.patient_id)
    done: list[int] = []
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        done.append(perform(app))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1]
    with bound("alpha"):
        acts = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.action == performing.EVENT)).all()
        assert len(acts) == 1


def test_no_visit_is_booked_for_who_is_erased_meanwhile(app: Flask, bound: Bind, world: Any) -> None:
    """The booking has read the patient as present; then the erasure is committed; the booking finds nobody."""
    approve(bound, "alpha", world.patient_id)
    with bound("alpha"):
        day = clock.now() + timedelta(days=2)
        starts_at = day.replace(hour=2, minute=0, second=0, microsecond=0)
        assert db.session.get_one(Patient, world.patient_id).deleted_at is None  # read, and kept in the session
        worker = threading.Thread(target=perform, args=(app,))
        worker.start()
        worker.join()
        facts = {"department_id": world.department_id, "starts_at": starts_at, "reason": "Đau", "via": BookedVia.DESK}
        with pytest.raises(NotFound):
            book_appointment(ACTOR, patient_id=world.patient_id, doctor_id=world.staff["doctor"], **facts)
    with bound("alpha"):
        booked = sa.select(Appointment.id).where(Appointment.status == AppointmentStatus.BOOKED)
        assert db.session.scalar(booked.where(Appointment.patient_id == world.patient_id)) is None


def test_a_visit_that_is_being_booked_is_cancelled_by_the_erasure_that_waits_for_it(
    app: Flask, bound: Bind, world: Any
) -> None:
    """The booking was first: the erasure waits for its end, and cancels what it booked."""
    approve(bound, "alpha", world.patient_id)
    worker = threading.Thread(target=perform, args=(app,))
    with bound("alpha"):
        visit = factories.make_appointment(
            doctor_id=world.staff["doctor"], patient_id=world.patient_id, starts_at=clock.now() + timedelta(days=3)
        ).id
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive()
    worker.join()
    with bound("alpha"):
        assert db.session.get_one(Appointment, visit).status is AppointmentStatus.CANCELLED
        assert db.session.get_one(Patient, world.patient_id).erased_at is not None


def test_a_worker_killed_before_the_files_leaves_them_to_the_next(
    app: Flask, bound: Bind, world: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path for path in (platform.var / "files").rglob("*") if path.is_file()}
    with bound("alpha"):
        for content, whose in ((b"own", [world.patient_id]), (b"shared", [world.patient_id, world.other_patient_id])):
            digest, size = file_store().put(bound_hospital().id, [content])
            for patient_id in whose:
                file = File(sha256=digest, size_bytes=size, media_type="text/plain", name="ten-nguoi-benh.txt")
                db.session.add(file)
                db.session.flush()
                db.session.add(
                    FileLink(file_id=file.id, subject_type="patient", subject_id=patient_id, patient_id=patient_id)
                )
    approve(bound, "alpha", world.patient_id)

    def killed(_erasure_id: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(performing, "_destroy_files", killed)
    with pytest.raises(KeyboardInterrupt):
        perform(app)
    monkeypatch.undo()
    with bound("alpha"):
        assert have_erasures_due()
    perform(app)
    with bound("alpha"):
        assert not have_erasures_due()
    left = {path for path in (platform.var / "files").rglob("*") if path.is_file()}
    assert len(left - before) == 1, "what another patient's file has too stays"


def test_the_centre_forgets_who_it_was_and_remembers_that_it_was(app: Flask, bound: Bind, alpha: str) -> None:
    with bound(alpha):
        patient_id = register("Nguyễn Văn Xóa").id
    with app.app_context():
        synchronise(alpha)
        with unit_of_work() as session:
            assert session.scalars(sa.select(PatientIndexEntry.patient_id)).all() == [patient_id]
    approve(bound, alpha, patient_id)
    perform(app)
    with app.app_context():
        synchronise(alpha)
        for _ in range(2):
            with unit_of_work() as session:
                assert session.scalars(sa.select(PatientIndexEntry.patient_id)).all() == []
                told = session.execute(sa.select(PatientErasure.patient_id, PatientErasure.kind)).all()
                assert told == [(patient_id, "deidentify")]
            synchronise_fully(alpha)


@pytest.mark.parametrize("old_is_gone", [False, True])
def test_who_was_erased_after_the_backup_is_gone_again_before_the_restored_serves(
    app: Flask, bound: Bind, gamma: str, run: Any, platform: Platform, old_is_gone: bool
) -> None:
    """By the database that is replaced, or where it is gone by what the centre remembers."""
    with bound(gamma):
        erased, stays = register("Nguyễn Thị Xóa").id, register("Trần Văn Còn").id
        factories.make_patient_user(db.session.get_one(Patient, erased))
    with app.app_context():
        back_up(gamma)
        backup = backup_of(gamma)
    approve(bound, gamma, erased)
    perform(app, gamma)
    if old_is_gone:
        with app.app_context():
            synchronise(gamma)
        with platform.admin(gamma) as connection:
            connection.execute("DELETE FROM erasures")
    with app.app_context():
        run("hospital.restore", gamma, backup=str(backup.id))
    with bound(gamma):
        names = set(db.session.scalars(sa.select(Patient.full_name)))
        assert names == {"Đã khử định danh", "Trần Văn Còn"}
        assert db.session.get_one(Patient, stays).erased_at is None
        assert db.session.scalar(sa.select(PatientUser.id)) is None
        assert db.session.scalars(sa.select(Erasure)).one().reapplied_at is not None
    with app.app_context(), unit_of_work() as session:
        index = sa.select(PatientIndexEntry.patient_id).where(PatientIndexEntry.hospital_id == hospital_id(gamma))
        assert session.scalars(index.where(PatientIndexEntry.deactivated_at.is_(None))).all() == [stays]
        assert erased in session.scalars(sa.select(PatientErasure.patient_id)).all()


def test_messages_and_consents_say_nothing_afterwards(app: Flask, bound: Bind, world: Any) -> None:
    approve(bound, "alpha", world.patient_id)
    perform(app)
    with bound("alpha"):
        for message in db.session.scalars(
            sa.select(OutboundMessage).where(OutboundMessage.patient_id == world.patient_id)
        ):
            assert (message.recipient, message.subject, message.body) == ("", "", "")
        assert "" in {*db.session.scalars(sa.select(PatientConsent.recorded_by_name)), ""}
