"""Who is right when two say different things: the later by the hospital's own count, never by a clock."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.centre.pruning import prune_events
from app.domain.centre.relaying import relay_events
from app.domain.patients.models import Patient
from app.tenancy.binding import tenancy
from app.tenancy.index import Erased, PatientFacts, find_hospitals, forget_erased, index_patients, open_name
from app.tenancy.models import SyncCursor, SyncRun
from tests.integration.carrying.conftest import Witness
from tests.integration.jobs.test_sync import announce, central, entries, register
from tests.support.platform import Platform

PHONE = "+84912000{:03d}"


def told(patient_id: UUID, version: int) -> PatientFacts:
    return PatientFacts(patient_id, version, f"Tên {version}", None, None, PHONE.format(version), None, None)


def test_versions_told_in_any_order_and_at_any_time_end_with_the_last(app: Flask, alpha: str) -> None:
    patient_id, chance = new_id(), random.Random(5)
    order = list(range(1, 9)) * 2
    chance.shuffle(order)
    with app.app_context():
        hospital_id = tenancy().registry.get_by_code(alpha).id
        for version in order:
            with clock.frozen_at(clock.now() + timedelta(hours=chance.randint(-500, 500))), unit_of_work():
                index_patients(hospital_id, [told(patient_id, version)])
        (entry,) = entries(app)
        assert (entry.source_version, open_name(entry)) == (8, "Tên 8")
        assert find_hospitals("phone", "0912000003") == []
        assert [known.patient_id for known in find_hospitals("phone", "0912000008")] == [patient_id]


def test_a_hospital_whose_clock_runs_wild_is_heard_in_order(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        patient_id = register(phone=PHONE.format(1)).id
    for number, hours in enumerate((900, -900, 0), start=2):
        with clock.frozen_at(clock.now() + timedelta(hours=hours)), bound(alpha):
            patient = db.session.get_one(Patient, patient_id)
            patient.phone = PHONE.format(number)
            announce(patient)
        with app.app_context():
            relay_events(alpha)
    with app.app_context():
        assert [known.patient_id for known in find_hospitals("phone", "0912000004")] == [patient_id]
    assert len(entries(app)) == 1


def test_an_erasure_is_not_undone_by_what_was_under_way(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        patient_id = register().id
    with app.app_context():
        relay_events(alpha)
        hospital_id = tenancy().registry.get_by_code(alpha).id
        with unit_of_work():
            forget_erased(hospital_id, [Erased(patient_id, "erase", clock.now())])
        with unit_of_work():
            index_patients(hospital_id, [told(patient_id, 1)], rewrite=True)
    assert entries(app) == []


def test_a_hospital_that_was_away_for_a_week_catches_up_by_itself(
    app: Flask, bound, platform: Platform, alpha: str, witness: Witness
) -> None:
    week_ago = clock.now() - timedelta(days=7)
    with bound(alpha):
        ids = [register().id]
    with app.app_context():
        relay_events(alpha)
    for day in range(7):  # it works on by itself, and nobody hears
        with clock.frozen_at(week_ago + timedelta(days=day)), bound(alpha):
            ids.extend(register().id for _ in range(100))
            changed = db.session.get_one(Patient, ids[0])
            changed.phone = PHONE.format(day)
            announce(changed)
    with app.app_context():
        prune_events(alpha)
        assert relay_events(alpha) == 707
    assert {entry.patient_id for entry in entries(app)} == set(ids)
    with app.app_context():
        assert [known.patient_id for known in find_hospitals("phone", "0912000006")] == [ids[0]]
    with bound(alpha):
        effects = witness.effects()
        assert len(effects) == len(set(effects)) == 708
    (cursor,) = central(app, sa.select(SyncCursor))
    assert sum(run.events for run in central(app, sa.select(SyncRun))) == 708
    assert cursor.position == witness.told[-1]
