"""The index is compared with the hospital, range by range; what drifted is found, counted and mended, nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.centre import reconciling
from app.domain.centre.reconciling import Figures, is_reconciliation_due, reconcile
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from app.tenancy.index import find_hospitals
from app.tenancy.models import Hospital, Reconciliation, RunStatus, SecurityEvent
from tests.factories import make_patient
from tests.integration.jobs.test_sync import announce, central, entries, register, sync
from tests.support.platform import ACTOR, Platform


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have some ranges with few patients."""
    monkeypatch.setattr(reconciling, "RANGE", 3)


def compare(app: Flask, code: str) -> Figures:
    with app.app_context():
        return reconcile(ACTOR, code)


def many(bound, code: str, count: int = 7) -> list[UUID]:
    with bound(code):
        return sorted(register().id for _ in range(count))


def test_what_agrees_is_found_to_agree(app: Flask, bound, alpha: str, beta: str) -> None:
    many(bound, alpha)
    many(bound, beta, 2)
    sync(app, beta)
    figures = compare(app, alpha)  # which carries first what waits
    assert (figures.patients, figures.ranges, figures.drifted) == (7, 3, 0)
    assert compare(app, alpha).checksum == figures.checksum
    row, _ = central(app, sa.select(Reconciliation).order_by(Reconciliation.id))
    assert (row.status, row.patients, row.checksum) == (RunStatus.SUCCEEDED, 7, figures.checksum)
    assert central(app, sa.select(SecurityEvent)) == []


def test_every_kind_of_drift_is_found_and_mended(app: Flask, bound, platform: Platform, alpha: str) -> None:
    ids = many(bound, alpha)
    sync(app, alpha)
    with bound(alpha):
        never_told = make_patient()
        ids.append(never_told.id)
        cccd = db.session.get_one(Patient, ids[1]).cccd
    hospital_id = central(app, sa.select(Hospital.id).where(Hospital.code == alpha))[0]
    change = "UPDATE patient_index SET {} WHERE patient_id = %s"
    with platform.admin() as connection:
        connection.execute("DELETE FROM patient_index WHERE patient_id = %s", (ids[0],))
        connection.execute(change.format("cccd_index = 'wrong'"), (ids[1],))
        connection.execute(change.format("source_version = 9"), (ids[2],))
        connection.execute(change.format("deactivated_at = now()"), (ids[5],))
        connection.execute(
            "INSERT INTO patient_index (id, patient_global_id, hospital_id, patient_id, name_ciphertext, name_nonce,"
            " name_key_id, source_version) VALUES (gen_random_uuid(), gen_random_uuid(), %s, gen_random_uuid(),"
            " '', '', 'k1', 1)",
            (hospital_id,),
        )
    figures = compare(app, alpha)
    assert (figures.missing, figures.different, figures.surplus, figures.mended) == (2, 3, 1, 6)
    assert compare(app, alpha).drifted == 0
    assert {entry.patient_id: entry.source_version for entry in entries(app)} == dict.fromkeys(ids, 1)
    with app.app_context():
        assert [known.patient_id for known in find_hospitals("cccd", cccd or "")] == [ids[1]]
    assert [event.kind for event in central(app, sa.select(SecurityEvent))] == ["index.drifted"]


def test_what_changes_while_it_is_compared_is_no_drift(
    app: Flask, bound, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many(bound, alpha, 3)
    sync(app, alpha)
    ask = reconciling.checksum_at_centre

    def meanwhile(*where: object) -> str:
        monkeypatch.setattr(reconciling, "checksum_at_centre", ask)
        with bound(alpha):
            patient = db.session.get_one(Patient, ids[0])
            patient.full_name, patient.phone = "Tên Mới", "+84912000111"
            announce(patient)
            register()
        return "differs for whatever reason"

    monkeypatch.setattr(reconciling, "checksum_at_centre", meanwhile)
    with app.app_context():
        assert reconcile(ACTOR, alpha).drifted == 0
    assert len(entries(app)) == 4


def test_it_is_due_once_a_day(app: Flask, bound, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha):
        assert is_reconciliation_due()
    compare(app, alpha)
    with app.app_context(), bind_hospital(alpha):
        assert not is_reconciliation_due()
        with clock.frozen_at(clock.now() + timedelta(hours=25)):
            assert is_reconciliation_due()


def test_one_that_was_stopped_says_so_and_keeps_what_it_mended(
    app: Flask, bound, platform: Platform, alpha: str
) -> None:
    many(bound, alpha)
    sync(app, alpha)
    with platform.admin() as connection:
        connection.execute("DELETE FROM patient_index")

    def stop(done: int, _of: int) -> None:
        if done >= 6:
            raise InterruptedError

    with app.app_context(), pytest.raises(InterruptedError):
        reconcile(ACTOR, alpha, stop)
    (row,) = central(app, sa.select(Reconciliation))
    assert (row.status, row.error, row.missing, row.mended) == (RunStatus.FAILED, "InterruptedError", 6, 6)
    assert len(entries(app)) == 6


def test_the_command_line_compares(app: Flask, bound, platform: Platform, alpha: str) -> None:
    many(bound, alpha, 2)
    sync(app, alpha)
    with platform.admin() as connection:
        connection.execute("DELETE FROM patient_index")
    run = app.test_cli_runner().invoke
    result = run(args=["hospital", "reconcile", alpha, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["mended"] == 2
