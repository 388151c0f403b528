"""A patient with a doctor, two technicians, and orders that have got as far as a test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.laboratory.collecting import collect_specimens
from app.domain.laboratory.entering import Entry, enter_results
from app.domain.laboratory.measuring import list_measures
from app.domain.laboratory.models import LabOrderItem, LabReport, LabTest
from app.domain.laboratory.ordering import Wish, order_tests
from app.domain.laboratory.rules import read_value
from app.domain.laboratory.verifying import verify_report
from tests import factories
from tests.support.platform import Platform

Bound = Callable[[str], Any]


@dataclass(frozen=True)
class Laboratory:
    """Who is there; each method is an act of one of them, in a unit of work of the caller's."""

    patient: UUID
    visit: UUID
    doctor: Actor
    first: Actor
    second: Actor

    def order(self, *codes: str, **wish: Any) -> LabOrderItem:
        """Order tests; return the first of them."""
        tests = db.session.scalars(sa.select(LabTest.id).where(LabTest.code.in_(codes))).all()
        order = order_tests(self.doctor, self.patient, Wish(test_ids=tests, appointment_id=self.visit, **wish))
        query = sa.select(LabOrderItem).where(LabOrderItem.order_id == order.id).order_by(LabOrderItem.id)
        return db.session.scalars(query.limit(1)).one()

    def collect(self, item: LabOrderItem) -> None:
        """Collect what an ordered test needs."""
        assert item.specimen is not None
        collect_specimens(self.first, item.order_id, [item.specimen])

    def enter(self, item: LabOrderItem, who: Actor | None = None, reason: str | None = None, **typed: str) -> LabReport:
        """Enter values by the codes of their analytes."""
        db.session.refresh(item)
        measures = {one.code: one for one in list_measures(item.test_id, item.patient_id, item.created_at)}
        values = {measures[code].analyte_id: read_value(measures[code], text) for code, text in typed.items()}
        return enter_results(who or self.first, item.id, item.version, Entry(values, correction_reason=reason))

    def verified(self, **typed: str) -> LabReport:
        """Order electrolytes and bring them all the way."""
        item = self.order("DGD", despite_open=True)
        self.collect(item)
        report = self.enter(item, **(typed or {"K": "4,1"}))
        return verify_report(self.second, report.id, report.version, incomplete=True)


@pytest.fixture
def laboratory(bound: Bound, alpha: str) -> Laboratory:
    """`laboratory.verified(K="7,1")` within `bound(alpha)`."""
    with bound(alpha):
        doctor = factories.make_staff("doctor")
        technicians = [factories.make_staff("lab_technician") for _turn in range(2)]
        patient = factories.make_patient()
        visit = factories.make_appointment(doctor_id=doctor.id, patient_id=patient.id)
        people = [Actor(ActorKind.SYSTEM, one.id, one.full_name) for one in (doctor, *technicians)]
        return Laboratory(patient.id, visit.id, *people)


@pytest.fixture
def own_rules(platform: Platform, alpha: str) -> Iterator[None]:
    """Forget afterwards what the hospital decided of its laboratory."""
    yield
    with platform.admin(alpha) as connection:
        connection.execute("DELETE FROM settings WHERE key = 'laboratory'")
