"""What happens in a hospital reaches the centre once in effect, and the centre cannot read who it is about."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import WriteAcrossHistories, db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.centre.sync import has_news, synchronise, synchronise_fully
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.errors import HospitalSuspended
from app.tenancy.index import find_hospitals, open_name
from app.tenancy.models import Hospital, PatientIndexEntry, RunStatus, SyncCursor, SyncRun
from app.tenancy.sync import QUIET_FOR, Report, take_report
from tests.factories import make_patient
from tests.integration.jobs.conftest import away
from tests.support.platform import ACTOR, Platform


def register(**facts: Any) -> Patient:
    """Make a patient as registering does: with its event."""
    patient = make_patient(**facts)
    announce(patient, "patient.register")
    return patient


def announce(patient: Patient, kind: str = "patient.update") -> None:
    db.session.flush()
    record_change(
        ACTOR, kind, subject_type="patient", subject_id=patient.id, patient_id=patient.id,
        event={"patient_version": patient.version},
    )  # fmt: skip


def central(app: Flask, query: sa.Select[Any]) -> list[Any]:
    with app.app_context(), unit_of_work() as session:
        rows = list(session.scalars(query))
        session.expunge_all()
        return rows


def entries(app: Flask) -> list[PatientIndexEntry]:
    return central(app, sa.select(PatientIndexEntry).order_by(PatientIndexEntry.id))


def runs(app: Flask) -> list[SyncRun]:
    return central(app, sa.select(SyncRun).order_by(SyncRun.id))


def sync(app: Flask, code: str) -> int:
    with app.app_context():
        return synchronise(code)


def test_a_registered_patient_is_found_by_every_identifier_and_nothing_is_readable(
    app: Flask, bound, platform: Platform, alpha: str
) -> None:
    with bound(alpha):
        patient = register(
            full_name="Đặng Thị Bí Mật", bhyt="GD4790123456789", phone="+84912345678", email="Bi.Mat@Example.vn"
        )
        patient_id, cccd = patient.id, patient.cccd
    assert sync(app, alpha) == 1
    with app.app_context():
        for kind, written in (
            ("cccd", f"{cccd[:3]} {cccd[3:]}"), ("bhyt", "gd 4 79 0123456789"), ("bhyt", "0123456789"),
            ("phone", "0912 345 678"), ("email", "bi.mat@example.vn"),
        ):  # fmt: skip
            (known,) = find_hospitals(kind, written)
            assert (known.hospital_code, known.patient_id) == (alpha, patient_id), kind
        assert find_hospitals("cccd", "001180000000") == []
        assert find_hospitals("phone", "not a number") == []
    (entry,) = entries(app)
    with app.app_context():
        assert open_name(entry) == "Đặng Thị Bí Mật"
    with platform.admin() as connection:
        everything = connection.execute("SELECT patient_index::text FROM patient_index").fetchall()
        everything += connection.execute("SELECT sync_runs::text FROM sync_runs").fetchall()
    for canary in (cccd, "Bí Mật", "912345678", "example.vn", "0123456789"):
        assert canary.casefold() not in str(everything).casefold()


def test_a_run_says_how_far_how_many_and_over_which_events(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        register()
        register()
    sync(app, alpha)
    (run,) = runs(app)
    (cursor,) = central(app, sa.select(SyncCursor))
    assert run.status is RunStatus.SUCCEEDED
    assert (run.events, run.from_position, run.to_position) == (2, 0, cursor.position)
    assert len(run.checksum or "") == 64
    assert run.counts["patients"] == 2
    assert run.counts["appointments"] == 0


def test_syncing_twice_changes_nothing(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        register()
    sync(app, alpha)
    before = [(entry.id, entry.patient_global_id, entry.name_nonce) for entry in entries(app)]
    assert sync(app, alpha) == 0
    assert [(entry.id, entry.patient_global_id, entry.name_nonce) for entry in entries(app)] == before
    assert len(runs(app)) == 1


def test_an_event_delivered_again_has_no_second_effect(app: Flask, bound, platform: Platform, alpha: str) -> None:
    with bound(alpha):
        register()
    sync(app, alpha)
    before = entries(app)[0].name_nonce
    with platform.admin() as connection:
        connection.execute("UPDATE sync_cursors SET position = 0")
    assert sync(app, alpha) == 1
    assert [entry.name_nonce for entry in entries(app)] == [before]


def test_many_syncs_at_once_carry_every_event_once(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        for _ in range(20):
            register()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: sync(app, alpha), range(4)))
    assert len(entries(app)) == 20
    assert sum(run.events for run in runs(app)) == 20


def test_an_event_of_a_transaction_that_commits_late_arrives_too(app: Flask, bound, alpha: str) -> None:
    told, commit = threading.Event(), threading.Event()

    def slow() -> None:
        with bound(alpha):
            register()
            told.set()
            assert commit.wait(60)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(slow)
        assert told.wait(60)
        with bound(alpha):
            register()
        assert sync(app, alpha) == 1
        commit.set()
        running.result()
    assert sync(app, alpha) == 1
    assert len(entries(app)) == 2


def test_a_person_whom_two_hospitals_know_has_one_global_id(app: Flask, bound, alpha: str, beta: str) -> None:
    with bound(alpha):
        cccd = register().cccd
    with bound(beta):
        register(cccd=cccd)
        register()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda code: sync(app, code), (alpha, beta)))
    persons = [entry.patient_global_id for entry in entries(app)]
    assert len(persons) == 3
    assert len(set(persons)) == 2
    with app.app_context():
        assert {known.hospital_code for known in find_hospitals("cccd", cccd or "")} == {alpha, beta}


def test_a_corrected_cccd_makes_two_persons_of_one(app: Flask, bound, alpha: str, beta: str) -> None:
    with bound(alpha):
        cccd = register().cccd
    with bound(beta):
        wrong = register(cccd=cccd)
        patient_id = wrong.id
    sync(app, alpha)
    sync(app, beta)
    with bound(beta):
        patient = db.session.get_one(Patient, patient_id)
        patient.cccd = "001180999999"
        announce(patient)
    sync(app, beta)
    assert len({entry.patient_global_id for entry in entries(app)}) == 2


def test_the_newer_version_wins_whatever_the_order(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        patient = register(full_name="Tên Cũ")
        patient_id = patient.id
    sync(app, alpha)
    with bound(alpha):
        patient = db.session.get_one(Patient, patient_id)
        patient.full_name = "Tên Mới"
        announce(patient)
    sync(app, alpha)
    (entry,) = entries(app)
    assert entry.source_version == 2
    from app.tenancy.index import PatientFacts, index_patients

    old = PatientFacts(patient_id, 1, "Tên Cũ", None, None, None, None, None)
    with app.app_context(), unit_of_work():
        index_patients(entry.hospital_id, [old], rewrite=True)
    (entry,) = entries(app)
    with app.app_context():
        assert (entry.source_version, open_name(entry)) == (2, "Tên Mới")


def test_a_deleted_patient_is_found_no_more(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        patient = register()
        patient_id, cccd = patient.id, patient.cccd
    sync(app, alpha)
    with bound(alpha):
        patient = db.session.get_one(Patient, patient_id)
        patient.deleted_at = clock.now()
        announce(patient)
    sync(app, alpha)
    with app.app_context():
        assert find_hospitals("cccd", cccd or "") == []


def test_a_quiet_hospital_is_heard_every_five_minutes_with_its_counts(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        make_patient()
    sync(app, alpha)
    sync(app, alpha)
    assert [run.events for run in runs(app)] == [0]
    with app.app_context(), bind_hospital(alpha):
        assert not has_news()
        with clock.frozen_at(clock.now() + QUIET_FOR + timedelta(minutes=2)):
            assert has_news()
    with app.app_context(), clock.frozen_at(clock.now() + QUIET_FOR + timedelta(minutes=2)):
        synchronise(alpha)
    assert [run.counts["patients"] for run in runs(app)] == [1, 1]


def test_a_failure_is_written_down_once_without_values_and_the_cursor_stays(
    app: Flask, bound, platform: Platform, alpha: str
) -> None:
    with bound(alpha):
        register()
    with platform.admin(alpha) as connection:
        connection.execute("REVOKE SELECT ON patients FROM vien_app, vien_patient")
    try:
        for _ in range(3):
            with pytest.raises(sa.exc.DBAPIError):
                sync(app, alpha)
    finally:
        with platform.admin(alpha) as connection:
            connection.execute("GRANT SELECT ON patients TO vien_app, vien_patient")
    (run,) = runs(app)
    assert run.status is RunStatus.FAILED
    assert run.error == "InsufficientPrivilege: permission denied for table patients"
    assert central(app, sa.select(SyncCursor)) == []
    assert sync(app, alpha) == 1
    assert len(entries(app)) == 1


def test_a_suspended_hospital_is_not_heard_and_that_is_no_failure(app: Flask, platform: Platform, alpha: str) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET status = 'suspended' WHERE code = 'alpha'")
    with app.app_context():
        tenancy().registry.forget()
    with pytest.raises(HospitalSuspended):
        sync(app, alpha)
    assert runs(app) == []


def test_the_centre_is_not_written_to_while_a_hospital_is_bound(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha) as hospital, pytest.raises(WriteAcrossHistories), unit_of_work():
        take_report(hospital.id, Report("events", clock.now(), 0, 0))


def test_a_full_sync_mends_what_drifted(app: Flask, bound, platform: Platform, alpha: str) -> None:
    with bound(alpha):
        kept, lost = register(), register()
        lost_id, lost_cccd = lost.id, lost.cccd
        never_told = make_patient()
        ids = {kept.id, lost.id, never_told.id}
    sync(app, alpha)
    hospital_id = central(app, sa.select(Hospital.id).where(Hospital.code == alpha))[0]
    with platform.admin() as connection:
        connection.execute("DELETE FROM patient_index WHERE patient_id = %s", (lost_id,))
        connection.execute("UPDATE patient_index SET cccd_index = 'wrong'")
        connection.execute(
            "INSERT INTO patient_index (id, patient_global_id, hospital_id, patient_id, name_ciphertext, name_nonce,"
            " name_key_id, source_version) VALUES (gen_random_uuid(), gen_random_uuid(), %s, gen_random_uuid(),"
            " '', '', 'k1', 1)",
            (hospital_id,),
        )
    with app.app_context():
        assert synchronise_fully(alpha) == 3
        assert [known.hospital_code for known in find_hospitals("cccd", lost_cccd or "")] == [alpha]
    assert {entry.patient_id for entry in entries(app) if entry.deactivated_at is None} == ids
    assert [run.kind for run in runs(app)] == ["events", "full"]


def test_a_change_is_committed_though_the_centre_is_away(app: Flask, bound, platform: Platform, alpha: str) -> None:
    with bound(alpha):
        register()
    with away(platform, platform.central_name):
        for _ in range(2):
            with pytest.raises((sa.exc.DBAPIError, psycopg.Error)):
                sync(app, alpha)
    assert sync(app, alpha) == 1
    assert len(entries(app)) == 1
