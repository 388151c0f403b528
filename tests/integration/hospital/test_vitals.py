"""Vital signs: refused where they cannot be, flagged where they are unusual, voided where they are wrong."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.audit.models import OutboxEvent
from app.domain.records.models import VitalSigns
from tests.integration.hospital.pages import fields_of


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
