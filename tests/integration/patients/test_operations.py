"""Registering and correcting patients while others do the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.errors import DuplicateCccd, PatientNotFound, StalePatient
from app.domain.patients.models import Patient, Sex
from app.domain.patients.operations import register_patient, update_patient
from app.domain.patients.queries import get_patient
from app.domain.patients.rules import PatientDetails
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.support.platform import ACTOR

DETAILS = PatientDetails(
    full_name="Trần Văn Bình",
    born_on=date(1990, 1, 2),
    sex=Sex.MALE,
    cccd=compose_cccd("001", Sex.MALE, 1990, 1),
)


def test_one_cccd_is_registered_once_however_many_desks_try(app: Flask, alpha: str) -> None:
    together = Barrier(4)

    def register(_desk: int) -> bool:
        with app.app_context(), bind_hospital(alpha):
            together.wait()
            try:
                with unit_of_work():
                    register_patient(ACTOR, DETAILS)
            except DuplicateCccd:
                return False
            return True

    with ThreadPoolExecutor(4) as desks:
        assert sorted(desks.map(register, range(4))) == [False, False, False, True]


def test_a_correction_to_anothers_cccd_is_refused_and_changes_nothing(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        register_patient(ACTOR, DETAILS)
        other = factories.make_patient(full_name="Lê Thị Chi").id
    with app.app_context(), bind_hospital(alpha), pytest.raises(DuplicateCccd), unit_of_work():
        update_patient(ACTOR, other, 1, DETAILS)
    with bound(alpha):
        assert db.session.get(Patient, other).full_name == "Lê Thị Chi"


def test_a_correction_of_an_older_version_is_refused_with_what_stands_now(bound, alpha: str) -> None:
    with bound(alpha):
        patient = register_patient(ACTOR, DETAILS)
        patient_id = patient.id
        update_patient(ACTOR, patient_id, 1, PatientDetails(**_changed(ward="Ba Đình")))
        with pytest.raises(StalePatient) as stale:
            update_patient(ACTOR, patient_id, 1, PatientDetails(**_changed(ward="Hoàn Kiếm")))
        assert stale.value.theirs.ward == "Ba Đình"


def test_saving_without_a_change_makes_no_version_and_no_audit_row(bound, alpha: str) -> None:
    with bound(alpha):
        patient = register_patient(ACTOR, DETAILS)
        update_patient(ACTOR, patient.id, 1, get_patient(patient.id).details)
        assert get_patient(patient.id).version == 1
        actions = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_id == patient.id)).all()
    assert actions == ["patient.register"]


def test_the_audit_names_fields_and_never_their_values(bound, alpha: str) -> None:
    with bound(alpha):
        patient = register_patient(ACTOR, DETAILS)
        update_patient(ACTOR, patient.id, 1, PatientDetails(**_changed(street="12 Tràng Tiền")))
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "patient.update")).one()
        assert entry.changes == {"fields": ["street"]}


def test_who_is_not_there_is_not_found(bound, alpha: str) -> None:
    with bound(alpha), pytest.raises(PatientNotFound):
        get_patient(UUID(int=7))


def _changed(**changes: object) -> dict[str, object]:
    return {name: getattr(DETAILS, name) for name in PatientDetails.__slots__} | changes
