"""The query form of the rules says what the rules say, for every relation, scope and kind of permission."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.db import db
from app.core.permissions import Bounds, Scope
from app.domain.access.models import EmergencyAccess
from app.domain.access.reach import PatientOutOfReach, authorise, decide, relation_columns, within_reach
from app.domain.appointments.models import AppointmentStatus
from app.domain.identity.permissions import CHECK_IN, VIEW_PATIENTS, VIEW_RECORDS
from app.domain.patients.models import Confidentiality, Patient
from app.domain.records.models import VitalSigns
from tests import factories
from tests.factories.people import department_id

Made = dict[tuple[bool, bool, bool, bool], Any]


@pytest.fixture
def people(bound: Any, alpha: str) -> tuple[Any, Made]:
    """A doctor of cardiology, and a patient for every combination of treating, department, restricted and emergency."""
    with bound(alpha):
        doctor, colleague = factories.make_staff("doctor", department="TIM"), factories.make_staff("doctor")
        made: Made = {}
        slot = clock.now().replace(minute=0, second=0, microsecond=0)
        for treating, near, restricted, emergency in product((False, True), repeat=4):
            kind = Confidentiality.RESTRICTED if restricted else Confidentiality.NORMAL
            patient = factories.make_patient(confidentiality=kind)
            slot += timedelta(hours=1)
            if near:
                factories.make_appointment(
                    patient_id=patient.id, doctor_id=colleague.id, department_id=department_id("TIM"), starts_at=slot
                )
            if treating:
                db.session.add(
                    VitalSigns(patient_id=patient.id, measured_at=clock.now(), measured_by=doctor.id, pulse=70)
                )
            if emergency:
                db.session.add(
                    EmergencyAccess(
                        staff_id=doctor.id,
                        staff_name="X",
                        patient_id=patient.id,
                        reason="Bất tỉnh, cần gấp",
                        begun_at=clock.now(),
                        expires_at=clock.now() + timedelta(hours=1),
                        review_by=clock.now() + timedelta(days=1),
                    )
                )
            made[treating, near, restricted, emergency] = patient.id
        return doctor.id, made


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("permission", [VIEW_PATIENTS, CHECK_IN])
def test_lists_and_pages_agree_with_the_rules(
    scope: Scope, permission: Any, bound: Callable[[str], Any], alpha: str, people: tuple[Any, Made]
) -> None:
    staff_id, made = people
    with bound(alpha):
        bounds = Bounds(staff_id, department_id("TIM"), {permission.code: scope})
        actor = Actor(ActorKind.STAFF, staff_id, "X", frozenset({permission.code}), bounds=bounds)
        listed = set(db.session.scalars(sa.select(Patient.id).where(within_reach(actor, permission))))
        for relation, patient_id in made.items():
            values = db.session.execute(sa.select(*relation_columns(actor)).where(Patient.id == patient_id)).one()
            assert (values[0], values[1], values[2], values[3] is not None) == relation
            try:
                ground = decide(actor, permission, patient_id, values)
            except PatientOutOfReach:
                ground = None
            assert (patient_id in listed) == (ground is not None), relation
            if ground is not None and relation[3]:
                assert ground.acting.basis is Basis.EMERGENCY


def test_relations_wear_off_and_called_off_visits_make_none(bound: Callable[[str], Any], alpha: str) -> None:
    with bound(alpha):
        doctor = factories.make_staff("doctor", department="TIM")
        actor = Actor(ActorKind.STAFF, doctor.id, "X", bounds=Bounds(doctor.id, department_id("TIM"), {
            "patients.view": Scope.DEPARTMENT}))  # fmt: skip

        def reached(days: int, own: bool, status: AppointmentStatus = AppointmentStatus.COMPLETED) -> bool:
            patient = factories.make_patient()
            factories.make_appointment(
                patient_id=patient.id,
                doctor_id=doctor.id if own else None,
                department_id=department_id("NOI" if own else "TIM"),
                starts_at=clock.now() - timedelta(days=days),
                status=status,
            )
            query = sa.select(Patient.id).where(Patient.id == patient.id, within_reach(actor, VIEW_PATIENTS))
            return db.session.scalar(query) is not None

        assert reached(300, own=True)
        assert not reached(366, own=True)
        assert reached(80, own=False)
        assert not reached(91, own=False)
        assert not reached(2, own=True, status=AppointmentStatus.CANCELLED)
        assert not reached(3, own=False, status=AppointmentStatus.NO_SHOW)


def test_staff_of_whom_nothing_is_known_and_operators_reach_nobody(bound: Callable[[str], Any], alpha: str) -> None:
    with bound(alpha):
        staff, patient = factories.make_staff("doctor"), factories.make_patient()
        secret = factories.make_patient(confidentiality=Confidentiality.RESTRICTED)
        for actor in (
            Actor(ActorKind.STAFF, staff.id, "X", frozenset({"records.view"})),
            Actor(ActorKind.OPERATOR, staff.id, "X", frozenset({"records.view"})),
        ):
            with pytest.raises(PatientOutOfReach):
                authorise(actor, patient.id, VIEW_RECORDS)
            assert db.session.scalar(sa.select(Patient.id).where(within_reach(actor, VIEW_RECORDS)).limit(1)) is None
        visitor = Actor(ActorKind.OPERATOR, staff.id, "X", basis=Basis.SUPPORT)
        assert authorise(visitor, patient.id, VIEW_RECORDS).basis is Basis.SUPPORT
        with pytest.raises(PatientOutOfReach):
            authorise(visitor, secret.id, VIEW_RECORDS)
