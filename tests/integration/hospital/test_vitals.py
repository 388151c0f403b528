"""Vital signs: refused where they cannot be, flagged where they are unusual, voided where they are wrong."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import OutboxEvent
from app.domain.records.models import Consciousness, VitalSigns
from app.domain.records.vital_ranges import VitalSign
from app.domain.records.vitals import record_vitals
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.integration.hospital.pages import fields_of
from tests.support.platform import ACTOR


def _measure(nurse, patient_id, **values):
    url = f"/h/alpha/hospital/patients/{patient_id}/vitals"
    return nurse.post(url, data=fields_of(nurse.get(f"{url}/new"), **values))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("temperature_c", {"temperature_c": "52"}),
        ("temperature_c", {"temperature_c": "nóng"}),
        ("pulse", {"pulse": "700"}),
        ("pulse", {"pulse": "72,5"}),
        ("diastolic", {"systolic": "120"}),
        ("diastolic", {"systolic": "80", "diastolic": "120"}),
        ("spo2", {"spo2": "101"}),
        ("weight_kg", {"weight_kg": "1.000"}),
        ("systolic", {"systolic": "301", "diastolic": "80"}),
        ("pain", {"pain": "11"}),
        ("temperature_c", {}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(bound, alpha, sign_in_staff, visit, field, values) -> None:
    arrived = visit()
    response = _measure(sign_in_staff(alpha, "nurse"), arrived.patient_id, **values)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert f'href="#{field}"' in page
    assert all(f'value="{typed}"' in page for typed in values.values())
    with bound(alpha):
        assert db.session.scalars(sa.select(VitalSigns)).all() == []


def test_a_measurement_belongs_to_todays_visit_and_says_what_is_unusual(bound, alpha, sign_in_staff, visit) -> None:
    arrived = visit()
    nurse = sign_in_staff(alpha, "nurse")
    response = _measure(nurse, arrived.patient_id, temperature_c="38,9", systolic="118", diastolic="76")
    assert response.status_code == 303
    page = nurse.get(response.headers["Location"]).get_data(as_text=True)
    assert "Sốt: 38,9 °C" in page
    with bound(alpha):
        vitals = db.session.scalars(sa.select(VitalSigns)).one()
        assert (vitals.appointment_id, vitals.measured_by) == (arrived.id, nurse.person["id"])
        event = db.session.scalars(sa.select(OutboxEvent).where(OutboxEvent.kind == "vitals.record")).one()
        assert event.payload == {"patient_id": str(arrived.patient_id), "appointment_id": str(arrived.id)}


def test_a_wrong_measurement_is_voided_with_a_reason_and_stays(bound, alpha, sign_in_staff, visit) -> None:
    arrived = visit()
    nurse = sign_in_staff(alpha, "nurse")
    _measure(nurse, arrived.patient_id, pulse="72")
    with bound(alpha):
        vitals_id = db.session.scalars(sa.select(VitalSigns.id)).one()
    url = f"/h/alpha/hospital/vitals/{vitals_id}/void"
    assert nurse.submit(url, {"reason": ""}).status_code == 422
    assert nurse.submit(url, {"reason": "Nhầm người"}).status_code == 303
    page = nurse.get(f"/h/alpha/hospital/patients/{arrived.patient_id}/vitals").get_data(as_text=True)
    assert "Nhầm người" in page
    assert nurse.submit(url, {"reason": "Lần nữa"}, page="/h/alpha/hospital/today").status_code == 409


def test_a_receptionist_does_not_measure(alpha, sign_in_staff, visit) -> None:
    arrived = visit()
    url = f"/h/alpha/hospital/patients/{arrived.patient_id}/vitals/new"
    assert sign_in_staff(alpha, "receptionist").get(url).status_code == 403


NO_CIRCULATION = {"pulse": "0", "systolic": "0", "respiratory_rate": "0", "spo2": "50", "consciousness": "unresponsive"}


def test_what_a_resuscitation_finds_is_asked_about_once_and_written_down(bound, alpha, sign_in_staff, visit) -> None:
    nurse, patient_id = sign_in_staff(alpha, "nurse"), visit().patient_id
    url = f"/h/alpha/hospital/patients/{patient_id}/vitals"
    asked = _measure(nurse, patient_id, **NO_CIRCULATION)
    assert asked.status_code == 422
    assert all(f'href="#{name}"' in asked.get_data(as_text=True) for name in ("pulse", "systolic", "spo2"))
    again = nurse.post(url, data=fields_of(asked, **NO_CIRCULATION | {"checked": "y", "pulse": "8"}))
    assert again.status_code == 422, "the answer was to other values"
    saved = nurse.post(url, data=fields_of(again, **NO_CIRCULATION | {"checked": "y", "pulse": "8"}))
    assert saved.status_code == 303
    page = nurse.get(url).get_data(as_text=True)
    assert "không đo được" in page
    assert "Điểm NEWS2 ít nhất 15: nguy cơ cao" in page
    with bound(alpha):
        vitals = db.session.scalars(sa.select(VitalSigns)).one()
        assert (vitals.pulse, vitals.systolic, vitals.diastolic) == (8, 0, None)


def test_consciousness_alone_is_a_measurement(bound, alpha, sign_in_staff, visit) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    assert _measure(nurse, visit().patient_id, consciousness="pain").status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(VitalSigns.consciousness)).all() == [Consciousness.PAIN]


def test_the_same_sent_twice_at_once_is_one_measurement(app, bound, alpha, visit) -> None:
    arrived = visit()
    with bound(alpha):
        nurse = factories.make_staff("nurse")
        actor = dataclasses.replace(ACTOR, id=nurse.id)
    together, now = Barrier(4), clock.now()

    def save(pulse: int) -> None:
        together.wait(60)
        with clock.frozen_at(now), app.app_context(), bind_hospital(alpha), unit_of_work():
            record_vitals(
                actor,
                patient_id=arrived.patient_id,
                appointment_id=arrived.id,
                values={VitalSign.PULSE: Decimal(pulse)},
            )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(save, (72, 72, 72, 90)))
    with bound(alpha):
        assert sorted(db.session.scalars(sa.select(VitalSigns.pulse))) == [72, 90]
        events = sa.select(sa.func.count()).where(OutboxEvent.kind == "vitals.record")
        assert db.session.scalar(events) == 2
    with bound(alpha), clock.frozen_at(now + timedelta(minutes=2)):
        values = {VitalSign.PULSE: Decimal(72)}
        record_vitals(actor, patient_id=arrived.patient_id, appointment_id=arrived.id, values=values)
    with bound(alpha):
        assert sorted(db.session.scalars(sa.select(VitalSigns.pulse))) == [72, 72, 90]
