"""A hospital is brought back: compared before it serves, exchanged while nobody writes, and back again on request."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from alembic import command
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import OutboxEvent
from app.domain.audit.operations import record_change
from app.domain.centre.sync import synchronise
from app.domain.files.models import File
from app.domain.identity import totp
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.identity.proofs import Invitation, Passkey, RecoveryCode
from app.domain.messages.models import (
    AppointmentReminder,
    Channel,
    MessageState,
    OutboundMessage,
    ReminderState,
)
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.models import Backup, PatientIndexEntry, RestoreRun, RestoreState
from app.tenancy.queries import get_hospital
from app.tenancy.restores.errors import (
    NothingToBringBack,
    OlderSchema,
)
from app.tenancy.schema import alembic_config, head_revision
from tests.factories import make_appointment, make_staff
from tests.integration.tenancy.restores.conftest import (
    Run,
    dump,
    hospital_id,
    names,
    register,
)
from tests.support.platform import ACTOR, Platform

Bound = Any


def test_a_hospital_is_brought_back_and_swapped_back_again(app: Flask, gamma: str, saved: Path, run: Run) -> None:
    with app.app_context():
        assert run("hospital.restore", gamma, dump=str(saved))["rows"] > 100
        assert names(gamma) == {"Nguyễn Thị Trước"}
        run("hospital.swap_back", gamma)
        assert names(gamma) == {"Nguyễn Thị Trước", "Trần Văn Sau"}
        with unit_of_work() as session:
            assert session.scalars(sa.select(RestoreRun.state)).all() == [RestoreState.SUCCEEDED]


def test_there_is_nothing_to_swap_back_where_nothing_was_left(app: Flask, gamma: str, run: Run) -> None:
    with app.app_context(), pytest.raises(NothingToBringBack):
        run("hospital.swap_back", gamma)


def test_everybody_signs_in_again_and_nothing_is_sent_twice(
    app: Flask, platform: Platform, gamma: str, bound: Bound, run: Run, tmp_path: Path
) -> None:
    now = clock.now()
    with bound(gamma):
        visit, staff = make_appointment(), make_staff()
        db.session.add_all(
            [
                StaffSession(
                    staff_id=staff.id,
                    token_hash=b"t",
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + timedelta(hours=8),
                ),
                *(
                    AppointmentReminder(
                        appointment_id=visit.id, rule=rule, channel=Channel.CONSOLE, created_at=due, due_at=due
                    )
                    for rule, due in (("past", now - timedelta(hours=1)), ("future", now + timedelta(hours=1)))
                ),
                OutboundMessage(
                    key="k", channel=Channel.CONSOLE, template="t", locale="vi", recipient="r", subject="s", body="b"
                ),
            ]
        )
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with app.app_context():
        result = run("hospital.restore", gamma, dump=str(path))
        assert (result["sessions_ended"], result["reminders_cancelled"], result["messages_withheld"]) == (1, 1, 1)
        with bind_hospital(gamma), unit_of_work() as session:
            assert session.scalars(sa.select(StaffSession.ended_at)).one() is not None
            reminders = sa.select(AppointmentReminder.state).order_by(AppointmentReminder.due_at)
            assert session.scalars(reminders).all() == [ReminderState.CANCELLED, ReminderState.PENDING]
            assert session.scalars(sa.select(OutboundMessage.state)).one() is MessageState.UNKNOWN


def test_who_was_dismissed_after_the_backup_does_not_come_back_with_it(
    app: Flask, platform: Platform, gamma: str, bound: Bound, run: Run, tmp_path: Path
) -> None:
    now = clock.now()
    with bound(gamma):
        staff = make_staff()
        staff_id = staff.id
        db.session.add(
            Invitation(staff_id=staff_id, token_hash=b"i", created_at=now, expires_at=now + timedelta(days=3))
        )
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with bound(gamma):
        db.session.get_one(StaffUser, staff_id).disabled_at = now
    with app.app_context():
        result = run("hospital.restore", gamma, dump=str(path))
        assert (result["accounts_kept_closed"], result["invitations_closed"]) == (1, 1)
        with bind_hospital(gamma), unit_of_work() as session:
            assert session.get_one(StaffUser, staff_id).disabled_at is not None


def test_factors_that_were_replaced_removed_or_used_after_the_backup_stay_so(
    app: Flask, platform: Platform, gamma: str, bound: Bound, run: Run, tmp_path: Path
) -> None:
    """The lost telephone, the removed passkey and the used recovery code open nothing again."""
    now, later = clock.now(), totp.new_secret()
    with bound(gamma):
        replaced, reset = make_staff(), make_staff()
        key = {"credential_id": b"k", "public_key": b"p", "name": "n", "created_at": now}
        db.session.add_all(
            [
                Passkey(staff_id=replaced.id, **key),
                RecoveryCode(staff_id=replaced.id, code_hash=b"used", created_at=now),
                RecoveryCode(staff_id=replaced.id, code_hash=b"good", created_at=now),
            ]
        )
        replaced_id, reset_id = replaced.id, reset.id
    path = dump(platform, gamma, tmp_path / "gamma.dump")
    with bound(gamma):
        totp.enrol(app.extensions["keyring"], db.session.get_one(StaffUser, replaced_id), later)
        totp.remove(db.session.get_one(StaffUser, reset_id))
        db.session.execute(sa.update(Passkey).values(removed_at=now))
        db.session.execute(sa.update(RecoveryCode).where(RecoveryCode.code_hash == b"used").values(used_at=now))
    with app.app_context():
        assert run("hospital.restore", gamma, dump=str(path))["second_factors_kept"] == 4
        with bind_hospital(gamma), unit_of_work() as session:
            code = pyotp.TOTP(later).at(clock.now())
            assert totp.accept_code(app.extensions["keyring"], session.get_one(StaffUser, replaced_id), code)
            assert not totp.is_enrolled(session.get_one(StaffUser, reset_id))
            assert session.scalars(sa.select(Passkey.removed_at)).one() is not None
            good = sa.select(RecoveryCode.code_hash).where(RecoveryCode.used_at.is_(None))
            assert session.scalars(good).all() == [b"good"]


def test_the_centre_hears_a_restored_hospital_anew(app: Flask, gamma: str, saved: Path, bound: Bound, run: Run) -> None:
    with app.app_context():
        assert synchronise(gamma) == 2
        with bound(gamma):
            kept = db.session.scalars(sa.select(Patient).where(Patient.full_name == "Nguyễn Thị Trước")).one()
            kept_id, kept.version = kept.id, 9
            record_change(
                ACTOR,
                "patient.update",
                subject_type="patient",
                subject_id=kept_id,
                patient_id=kept_id,
                event={"patient_version": 9},
            )
        assert synchronise(gamma) == 1
        run("hospital.restore", gamma, dump=str(saved))
        with unit_of_work() as session:
            entries = {row.patient_id: row for row in session.scalars(sa.select(PatientIndexEntry))}
            assert set(entries) == {kept_id}, "whom the hospital does not have, the index forgets"
            assert entries[kept_id].source_version < 9
        with bound(gamma):
            new_id = register("Lê Thị Mới").id
        assert synchronise(gamma) == 1  # its place in line was that of an event of the database that was left
        with unit_of_work() as session:
            known = sa.select(PatientIndexEntry.patient_id).where(PatientIndexEntry.deactivated_at.is_(None))
            assert set(session.scalars(known)) == {kept_id, new_id}
        with bind_hospital(gamma), unit_of_work() as session:
            assert len(set(session.scalars(sa.select(OutboxEvent.position)))) == 2


def test_two_at_once_are_told_that_somebody_works_on_the_hospital(
    app: Flask, gamma: str, saved: Path, run: Run
) -> None:
    with app.app_context(), holding_hospital(hospital_id(gamma), "another restore"), pytest.raises(HospitalBusy):
        run("hospital.restore", gamma, dump=str(saved))


def test_requests_during_a_restore_see_the_old_state_a_pause_or_the_new_one(
    app: Flask, gamma: str, saved: Path, run: Run
) -> None:
    stop = threading.Event()
    seen: set[int] = set()

    def ask() -> None:
        browser = app.test_client()
        while not stop.is_set():
            seen.add(browser.get("/h/gamma/hospital/sign-in").status_code)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        with app.app_context():
            run("hospital.restore", gamma, dump=str(saved))
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert 200 in seen
    assert seen <= {200, 503}
    assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200


def test_a_backup_of_a_time_is_restored_with_its_files_and_counts_as_proven(
    app: Flask, gamma: str, bound: Bound, run: Run
) -> None:
    with app.app_context():
        files = file_store()
        digest, _ = files.put(hospital_id(gamma), [b"an X-ray"])
    with bound(gamma):
        register("Nguyễn Thị Trước")
        db.session.add(File(sha256=digest, size_bytes=8, media_type="image/png", name="x-ray.png"))
    with app.app_context():
        first = run("hospital.backup", gamma)["backup"]
        between = clock.now().isoformat()
    with bound(gamma):
        register("Trần Văn Sau")
    with app.app_context():
        run("hospital.backup", gamma)
        files.delete_all(hospital_id(gamma))
        result = run("hospital.restore", gamma, at=between)
        assert (result["backup"], result["brought"]) == (first, 1)
        assert names(gamma) == {"Nguyễn Thị Trước"}
        assert b"".join(files.read(hospital_id(gamma), digest)) == b"an X-ray"
        with unit_of_work() as session:
            proven = sa.select(Backup.id).where(Backup.proven_at.is_not(None))
            assert [str(one) for one in session.scalars(proven)] == [first]


@pytest.mark.parametrize("keeps", [False, True])
def test_an_older_schema_is_brought_up_to_date_and_kept_only_while_it_is_served(
    app: Flask, platform: Platform, gamma: str, run: Run, tmp_path: Path, keeps: bool
) -> None:
    """What is below could neither end sessions nor erase again whom the hospital has erased since."""
    with platform.cluster.engine(platform.databases[gamma]) as engine, engine.connect() as connection:
        config = alembic_config("hospital")
        config.attributes["connection"] = connection
        command.downgrade(config, "h001")
    path = dump(platform, gamma, tmp_path / "older.dump")
    with app.app_context():
        if keeps:
            with pytest.raises(OlderSchema, match="h001"):
                run("hospital.restore", gamma, dump=str(path), migrate=False)
            return
        run("hospital.restore", gamma, dump=str(path), migrate=True)
        with unit_of_work():
            assert get_hospital(gamma).schema_revision == head_revision("hospital")
        assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200
