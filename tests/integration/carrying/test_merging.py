"""Who was registered twice is one person: in the hospital, in the index, by whichever number is asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core.db import db
from app.core.errors import InvalidValue
from app.domain.centre.reconciling import reconcile
from app.domain.centre.sync import synchronise
from app.domain.patients.errors import PatientNotFound, StalePatient
from app.domain.patients.merging import SomethingHangsOn, merge_patient, part_patient
from app.domain.patients.models import Patient, PatientAllergy
from app.tenancy.index import find_hospitals
from tests.factories import make_patient_user
from tests.integration.jobs.test_sync import entries, register
from tests.support.platform import ACTOR


def merge(bound, code: str, patient_id: UUID, into_id: UUID) -> None:
    with bound(code):
        merge_patient(ACTOR, patient_id, db.session.get_one(Patient, patient_id).version, into_id)


def made(bound, code: str, **facts: Any) -> UUID:
    with bound(code):
        return register(**facts).id


def found(app: Flask, kind: str, value: str) -> list[UUID]:
    with app.app_context():
        return [known.patient_id for known in find_hospitals(kind, value)]


def test_a_second_registration_leads_to_the_first_by_all_its_numbers(app: Flask, bound, alpha: str) -> None:
    first = made(bound, alpha, phone="+84912000001")
    second = made(bound, alpha, phone="+84912000002")
    third = made(bound, alpha, phone="+84912000003")
    with bound(alpha):
        db.session.add(PatientAllergy(patient_id=third, substance="Penicillin", reaction="Nổi mề đay"))
        third_cccd = db.session.get_one(Patient, third).cccd or ""
    with app.app_context():
        synchronise(alpha)
    merge(bound, alpha, third, second)
    with app.app_context():
        synchronise(alpha)
    assert found(app, "phone", "0912000003") == [second]
    merge(bound, alpha, second, first)
    with app.app_context():
        synchronise(alpha)
        assert reconcile(ACTOR, alpha).drifted == 0
    for phone in ("0912000001", "0912000002", "0912000003"):
        assert found(app, "phone", phone) == [first]
    assert found(app, "cccd", third_cccd) == [first]
    assert len({entry.patient_global_id for entry in entries(app)}) == 1
    with bound(alpha):
        part_patient(ACTOR, second, first)
    with app.app_context():
        synchronise(alpha)
        assert reconcile(ACTOR, alpha).drifted == 0
    for phone, who in (("0912000001", first), ("0912000002", second), ("0912000003", second)):
        assert found(app, "phone", phone) == [who]
    assert len({entry.patient_global_id for entry in entries(app)}) == 2
    merge(bound, alpha, second, first)
    with bound(alpha):
        substances = db.session.query(PatientAllergy.substance).filter_by(patient_id=first).all()
        assert [row.substance for row in substances] == ["Penicillin"]


def test_what_something_hangs_on_is_not_joined(app: Flask, bound, alpha: str) -> None:
    first, second = made(bound, alpha), made(bound, alpha)
    with bound(alpha):
        make_patient_user(db.session.get_one(Patient, second))
    with pytest.raises(SomethingHangsOn):
        merge(bound, alpha, second, first)
    merge(bound, alpha, first, second)
    with pytest.raises(PatientNotFound):
        merge(bound, alpha, first, second)  # again
    with pytest.raises(InvalidValue), bound(alpha):
        merge_patient(ACTOR, second, 1, second)
    with pytest.raises(StalePatient), bound(alpha):
        merge_patient(ACTOR, second, 99, register().id)
