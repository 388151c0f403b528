"""The early-warning score on the pages: complete or not, in words, with the trend behind."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.records.models import Consciousness, VitalSigns
from tests.integration.hospital.pages import fields_of

ILL = {
    "temperature_c": "39,4", "pulse": "128", "systolic": "98", "diastolic": "60", "respiratory_rate": "26",
    "spo2": "92", "oxygen": "oxygen", "consciousness": "confusion",
}  # fmt: skip


def measure(nurse, patient_id, **values):
    url = f"/h/alpha/hospital/patients/{patient_id}/vitals"
    response = nurse.post(url, data=fields_of(nurse.get(f"{url}/new"), **values))
    assert response.status_code == 303
    return nurse.get(url).get_data(as_text=True)


def test_a_grave_score_is_said_in_words_with_what_to_do(bound, alpha, sign_in_staff, visit) -> None:
    page = measure(sign_in_staff(alpha, "nurse"), visit().patient_id, **ILL)
    assert "Điểm NEWS2 16: nguy cơ cao" in page
    assert "Cấp cứu: kíp có kỹ năng hồi sức" in page
    with bound(alpha):
        vitals = db.session.scalars(sa.select(VitalSigns)).one()
        assert (vitals.on_oxygen, vitals.consciousness, vitals.spo2_scale) == (True, Consciousness.CONFUSION, 1)


def test_a_score_with_parts_missing_says_which_and_calls_nobody_well(alpha, sign_in_staff, visit) -> None:
    page = measure(sign_in_staff(alpha, "nurse"), visit().patient_id, pulse="72", temperature_c="36,8")
    assert "chưa đủ dữ liệu" in page
    assert "Tri giác" in page
    assert "nguy cơ thấp" not in page


def test_children_have_no_score(alpha, sign_in_staff, visit) -> None:
    page = measure(sign_in_staff(alpha, "nurse"), visit(born_on=date(2020, 1, 1)).patient_id, **ILL)
    assert "NEWS2" not in page


def test_the_second_measurement_draws_a_trend_and_a_plot_with_its_table(alpha, sign_in_staff, visit) -> None:
    nurse, patient_id = sign_in_staff(alpha, "nurse"), visit().patient_id
    assert 'class="sparkline"' not in measure(nurse, patient_id, pulse="72")
    with clock.frozen_at(clock.now() + timedelta(minutes=5)):
        page = measure(nurse, patient_id, pulse="110")
    assert 'class="sparkline"' in page
    assert "Mạch, từ 72 đến 110" in page
    assert 'id="plot-pulse"' in page


def test_the_second_scale_of_saturation_is_said_beside_the_score_and_the_value(alpha, sign_in_staff, visit) -> None:
    nurse, patient_id = sign_in_staff(alpha, "nurse"), visit().patient_id
    page = measure(nurse, patient_id, spo2="90", oxygen="air", spo2_scale_2="y")
    page = nurse.get(f"/h/alpha/hospital/patients/{patient_id}/vitals").get_data(as_text=True)
    assert "Thang SpO₂ 2 (88–92 %)" in page
    assert "thang 2 (88–92 %)" in page
    other = measure(nurse, visit().patient_id, spo2="90")
    assert "88–92 %)" not in other
