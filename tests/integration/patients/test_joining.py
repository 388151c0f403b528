"""What hangs on a registration goes over when it is joined, and exactly that goes back when it is parted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.db import db
from app.core.errors import VienError
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.models import AuditEntry
from app.domain.patients.duplicates import Reason, find_similar, read_told
from app.domain.patients.errors import DuplicateCccd
from app.domain.patients.finding import search_patients
from app.domain.patients.merging import BothAtOnce, NotJoined, list_joined, merge_patient, part_patient
from app.domain.patients.models import (
    AllergyState,
    Patient,
    PatientAllergy,
    PatientMerge,
    PatientRelation,
    RelationKind,
)
from app.domain.records.models import MedicalRecord, RecordStatus, VitalSigns
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.support.platform import ACTOR


def fill(patient: Patient, substance: str, hours: int) -> dict[type[Any], UUID]:
    """Give a patient a visit that is over, with a signed record, measurements and an allergy."""
    visit = factories.make_appointment(
        patient_id=patient.id, starts_at=clock.now() - timedelta(hours=hours), status=AppointmentStatus.COMPLETED
    )
    record = MedicalRecord(
        series_id=new_id(), patient_id=patient.id, appointment_id=visit.id, doctor_id=visit.doctor_id,
        status=RecordStatus.SIGNED, is_current=True, signed_at=clock.now(), signed_by=visit.doctor_id,
    )  # fmt: skip
    vitals = VitalSigns(patient_id=patient.id, measured_at=clock.now(), measured_by=visit.doctor_id, pulse=80)
    allergy = PatientAllergy(patient_id=patient.id, substance=substance)
    db.session.add_all([record, vitals, allergy])
    patient.allergy_state = AllergyState.KNOWN
    db.session.flush()
    return {Appointment: visit.id, MedicalRecord: record.id, VitalSigns: vitals.id, PatientAllergy: allergy.id}


def whose(rows: dict[type[Any], UUID]) -> set[UUID]:
    return {db.session.get_one(model, row_id, populate_existing=True).patient_id for model, row_id in rows.items()}


def merge(patient_id: UUID, into_id: UUID) -> None:
    merge_patient(ACTOR, patient_id, db.session.get_one(Patient, patient_id).version, into_id)


def test_all_goes_over_and_exactly_that_comes_back(bound, alpha: str) -> None:
    with bound(alpha):
        first, second = factories.make_patient(), factories.make_patient()
        first_id, second_id = first.id, second.id
        own, moved = fill(first, "Aspirin", 30), fill(second, "Penicillin", 20)
        mother = PatientRelation(patient_id=second_id, kind=RelationKind.MOTHER, full_name="Lê Thị Mẹ")
        between = PatientRelation(patient_id=second_id, kind=RelationKind.OTHER, related_id=first_id)
        db.session.add_all([mother, between])
        db.session.flush()
        mother_id, between_id = mother.id, between.id
    with bound(alpha):
        merge(second_id, first_id)
    with bound(alpha):
        assert whose(own) == whose(moved) == {first_id}
        assert db.session.get_one(PatientRelation, mother_id).patient_id == first_id
        assert db.session.get_one(PatientRelation, between_id).patient_id == second_id  # nobody is their own relative
        assert [(row.patient_id, row.rows) for row in list_joined(ACTOR, first_id)] == [(second_id, 5)]
        later = VitalSigns(
            patient_id=first_id, measured_at=clock.now(), measured_by=factories.make_staff("nurse").id, pulse=70
        )
        db.session.add(later)
        db.session.flush()
        later_id = later.id
    with pytest.raises(DBAPIError, match="never changed"), bound(alpha):  # as frozen as before
        db.session.execute(sa.update(MedicalRecord).values(patient_id=second_id))
    with bound(alpha):
        part_patient(ACTOR, second_id, first_id)
    with bound(alpha):
        assert (whose(own), whose(moved)) == ({first_id}, {second_id})
        assert db.session.get_one(PatientRelation, mother_id).patient_id == second_id
        assert db.session.get_one(VitalSigns, later_id).patient_id == first_id
        assert db.session.get_one(Patient, second_id).deleted_at is None
        assert db.session.query(PatientMerge).count() == 0
        done = {row.action for row in db.session.scalars(sa.select(AuditEntry)) if row.subject_id == second_id}
        assert {"patient.merge", "patient.unmerge"} <= done
    with pytest.raises(NotJoined), bound(alpha):
        part_patient(ACTOR, second_id, first_id)  # again


def test_what_was_known_of_allergies_is_put_back(bound, alpha: str) -> None:
    with bound(alpha):
        first = factories.make_patient(allergy_state=AllergyState.NONE_KNOWN).id
        second = factories.make_patient()
        second_id = second.id
        fill(second, "Penicillin", 5)
    with bound(alpha):
        merge(second_id, first)
        assert db.session.get_one(Patient, first).allergy_state is AllergyState.KNOWN
    with bound(alpha):
        part_patient(ACTOR, second_id, first)
        assert db.session.get_one(Patient, first).allergy_state is AllergyState.NONE_KNOWN


def test_a_chain_is_parted_in_any_order(bound, alpha: str) -> None:
    with bound(alpha):
        patients = [factories.make_patient() for _one in range(3)]
        a, b, c = (one.id for one in patients)
        of_a, of_b = fill(patients[0], "Aspirin", 40), fill(patients[1], "Penicillin", 30)
        merge(a, b)
        merge(b, c)
    with bound(alpha):
        assert whose(of_a) == whose(of_b) == {c}
        part_patient(ACTOR, a, c)
    with bound(alpha):
        assert (whose(of_a), whose(of_b)) == ({a}, {c})
        merge(a, c)
        part_patient(ACTOR, b, c)
    with bound(alpha):
        assert (whose(of_a), whose(of_b)) == ({c}, {b})
        assert db.session.get_one(PatientMerge, a).into_id == c


def test_two_visits_at_once_are_said_before_anything_moves(bound, alpha: str) -> None:
    with bound(alpha):
        first, second = factories.make_patient().id, factories.make_patient().id
        starts = clock.now() + timedelta(hours=3)
        visits = [factories.make_appointment(patient_id=one, starts_at=starts).id for one in (first, second)]
    with pytest.raises(BothAtOnce), bound(alpha):
        merge(second, first)
    with bound(alpha):
        assert [db.session.get_one(Appointment, one).patient_id for one in visits] == [first, second]


def test_a_number_given_to_somebody_else_meanwhile_keeps_them_joined(bound, alpha: str) -> None:
    with bound(alpha):
        first, second = factories.make_patient().id, factories.make_patient()
        second_id, cccd = second.id, second.cccd
        merge(second_id, first)
        factories.make_patient(cccd=cccd)
    with pytest.raises(DuplicateCccd), bound(alpha):
        part_patient(ACTOR, second_id, first)


def test_joined_both_ways_at_once_one_of_them_stays(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        pair = [factories.make_patient().id for _one in range(2)]
        versions = [db.session.get_one(Patient, one).version for one in pair]
    together = Barrier(2)

    def join(which: int) -> bool:
        with app.app_context(), bind_hospital(alpha):
            together.wait()
            try:
                with unit_of_work():
                    merge_patient(ACTOR, pair[which], versions[which], pair[1 - which])
            except VienError:
                return False
            return True

    with ThreadPoolExecutor(2) as desks:
        assert sorted(desks.map(join, range(2))) == [False, True]
    with bound(alpha):
        assert db.session.query(Patient).filter(Patient.id.in_(pair), Patient.deleted_at.is_(None)).count() == 1


def test_who_books_while_a_registration_is_closed_does_not_book_under_it(bound, alpha: str) -> None:
    with bound(alpha):
        first, second = factories.make_patient().id, factories.make_patient().id
        merge(second, first)
    with pytest.raises(DBAPIError, match="closed"), bound(alpha):
        factories.make_appointment(patient_id=second)


def test_the_numbers_of_a_closed_registration_lead_to_the_patient(bound, alpha: str) -> None:
    with bound(alpha):
        first, second = factories.make_patient().id, factories.make_patient()
        code, cccd = second.code, second.cccd or ""
        merge(second.id, first)
    with bound(alpha):
        assert [[row.id for row in search_patients(ACTOR, text).items] for text in (code, cccd)] == [[first], [first]]
        found = find_similar(ACTOR, read_told("", None, cccd, "", ""))
        assert [(one.id, one.reasons) for one in found] == [(first, (Reason.JOINED,))]
