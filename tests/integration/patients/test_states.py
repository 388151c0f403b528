"""Somebody who has died: nothing is booked any more, what was booked is cancelled, and a mistake can be corrected."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.patients.errors import PatientHasDied, StalePatient
from app.domain.patients.models import Patient, PatientRelation, RelationKind
from app.domain.patients.relations import RelatedAlready, Relative, add_relation, list_relations, needs_guardian
from app.domain.patients.states import correct_death, record_death, refuse_for_dead
from tests import factories
from tests.support.platform import ACTOR


def test_death_cancels_what_is_to_come_and_the_database_refuses_more(bound: Any, alpha: str) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
        to_come = factories.make_appointment(patient_id=patient_id, starts_at=clock.now() + timedelta(days=2)).id
        over = factories.make_appointment(
            patient_id=patient_id, starts_at=clock.now() - timedelta(days=2), status=AppointmentStatus.COMPLETED
        ).id
        assert record_death(ACTOR, patient_id, 1, clock.now().date()) == 1
    with bound(alpha):
        states = [db.session.get_one(Appointment, one).status for one in (to_come, over)]
        assert states == [AppointmentStatus.CANCELLED, AppointmentStatus.COMPLETED]
        with pytest.raises(PatientHasDied):
            refuse_for_dead(patient_id)
        version = db.session.get_one(Patient, patient_id).version
    with pytest.raises(DBAPIError, match="died"), bound(alpha):
        factories.make_appointment(patient_id=patient_id)
    with pytest.raises(StalePatient), bound(alpha):
        correct_death(ACTOR, patient_id, version - 1)
    with bound(alpha):
        correct_death(ACTOR, patient_id, version)
        factories.make_appointment(patient_id=patient_id)


@pytest.mark.parametrize("died_on", [date(1970, 1, 1), date(2999, 1, 1)])
def test_impossible_days_of_death_are_refused(bound: Any, alpha: str, died_on: date) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
        with pytest.raises(InvalidValue):
            record_death(ACTOR, patient_id, 1, died_on)


def test_relatives_are_patients_or_names_and_each_stands_once(bound: Any, alpha: str) -> None:
    with bound(alpha):
        child, mother = factories.make_patient().id, factories.make_patient(full_name="Lê Thị Mẹ").id
        add_relation(ACTOR, child, Relative(RelationKind.MOTHER, True, related_id=mother))
        add_relation(ACTOR, child, Relative(RelationKind.GRANDPARENT, full_name="Trần Văn Ông", phone="0912 345 678"))
        with pytest.raises(RelatedAlready):
            add_relation(ACTOR, child, Relative(RelationKind.GUARDIAN, related_id=mother))
        for wrong in (Relative(RelationKind.OTHER), Relative(RelationKind.OTHER, related_id=child)):
            with pytest.raises(InvalidValue):
                add_relation(ACTOR, child, wrong)
        shown = [(row.full_name, row.is_guardian) for row in list_relations(ACTOR, child)]
        assert shown == [("Lê Thị Mẹ", True), ("Trần Văn Ông", False)]
        assert db.session.query(PatientRelation).count() == 2


@pytest.mark.parametrize(
    ("born_on", "needed"), [(date(2010, 11, 22), True), (date(2010, 11, 21), False), (date(2026, 1, 1), True)]
)
def test_who_is_under_sixteen_has_a_guardian(born_on: date, needed: bool) -> None:
    assert needs_guardian(born_on, date(2026, 11, 21)) is needed
