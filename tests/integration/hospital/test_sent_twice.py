"""Forms of the desk that are sent twice, and what the records office does without booking."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.patients.duplicates import read_told
from app.domain.patients.models import AllergyState, Patient, PatientRelation, Sex
from app.domain.patients.operations import find_just_registered, hold_registering, register_patient
from app.domain.patients.rules import PatientDetails
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.integration.hospital.test_registering import HOME, NEW, TYPED, count
from tests.integration.privacy.test_erasing import ONE
from tests.support.client import CheckingClient

SignIn = Callable[..., CheckingClient]


def test_two_clicks_register_one_patient(app: Flask, bound: Any, alpha: str, sign_in_staff: SignIn) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    first = desk.submit(f"{HOME}/patients", TYPED, page=NEW)
    second = desk.submit(f"{HOME}/patients", TYPED, page=NEW)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert count(bound) == 1


def test_two_clicks_at_once_register_one_patient(app: Flask, bound: Any, alpha: str) -> None:
    told = read_told("Đặng Thị Ngọc", date(1984, 3, 15), "", "", "")
    details = PatientDetails(
        full_name="Đặng Thị Ngọc", born_on=date(1984, 3, 15), sex=Sex.FEMALE,
        allergy_state=AllergyState.NOT_RECORDED,
    )  # fmt: skip
    together = Barrier(2)

    def click(_which: int) -> Any:
        with app.app_context(), bind_hospital(alpha):
            together.wait(60)
            with unit_of_work():
                hold_registering(told)
                return (find_just_registered(ONE, details) or register_patient(ONE, details)).id

    with ThreadPoolExecutor(2) as clicks:
        assert len(set(clicks.map(click, range(2)))) == 1
    assert count(bound) == 1


def test_a_twin_is_confirmed_and_registered(bound: Any, alpha: str, sign_in_staff: SignIn) -> None:
    desk, now = sign_in_staff(alpha, "receptionist"), clock.now()
    assert desk.submit(f"{HOME}/patients", TYPED, page=NEW).status_code == 303
    twin = {**TYPED, "somebody_else": "1"}
    with clock.frozen_at(now + timedelta(seconds=20)):
        assert desk.submit(f"{HOME}/patients", twin, page=NEW).status_code == 303
        assert desk.submit(f"{HOME}/patients", twin, page=NEW).status_code == 303
    assert count(bound) == 2


def test_a_relative_by_name_is_written_down_once(bound: Any, alpha: str, sign_in_staff: SignIn) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
    desk, page = sign_in_staff(alpha, "receptionist"), f"{HOME}/patients/{patient_id}/relations"
    mother = {"kind": "mother", "full_name": "Lê Thị Mẹ"}
    assert desk.submit(page, mother, page=page).status_code == 303
    again = desk.submit(page, mother, page=page)
    assert (again.status_code, "Người này đã có trong danh sách thân nhân" in again.text) == (422, True)
    with bound(alpha):
        assert len(db.session.scalars(sa.select(PatientRelation.id)).all()) == 1


def test_the_records_office_writes_down_a_death_and_the_visits_to_come_are_cancelled(
    bound: Any, alpha: str, sign_in_staff: SignIn
) -> None:
    with bound(alpha):
        visit = factories.make_appointment(starts_at=clock.now() + timedelta(days=3))
        visit_id, patient_id = visit.id, visit.patient_id
        version = str(db.session.get_one(Patient, patient_id).version)
    clerk, page = sign_in_staff(alpha, "records_clerk"), f"{HOME}/patients/{patient_id}/state"
    sent = {"died_on": f"{clock.now():%d%m%Y}", "version": version}
    assert clerk.submit(f"{page}/death", sent, page=page).status_code == 303
    with bound(alpha):
        assert db.session.get_one(Appointment, visit_id).status is AppointmentStatus.CANCELLED
        assert db.session.get_one(Patient, patient_id).deceased_on is not None
