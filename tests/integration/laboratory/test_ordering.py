"""Ordering: once at a time, refused as a whole rather than cut; who ordered reads what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.permissions import Bounds, Scope
from app.domain.access.reach import PatientOutOfReach
from app.domain.audit.models import AuditEntry
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import ORDER_TESTS, VIEW_RESULTS
from app.domain.laboratory.collecting import collect_specimens
from app.domain.laboratory.inbox import count_inbox, list_inbox
from app.domain.laboratory.models import (
    Flag,
    LabOrder,
    LabOrderItem,
    LabPanel,
    LabPanelTest,
    LabPriority,
    LabSpecimen,
    LabTest,
    SpecimenKind,
)
from app.domain.laboratory.ordering import Wish, order_tests
from app.domain.laboratory.verifying import acknowledge_critical
from app.domain.laboratory.worklist import PER_PAGE, Work, list_work
from tests import factories
from tests.integration.hospital.results_at_hand import make_report
from tests.integration.laboratory.conftest import Laboratory
from tests.integration.laboratory.test_guarantees import _both

Bound = Callable[[str], Any]


def _test_ids(*codes: str) -> list[UUID]:
    return list(db.session.scalars(sa.select(LabTest.id).where(LabTest.code.in_(codes))))


def _doctor(staff: StaffUser) -> Actor:
    scopes = {entry.code: Scope.DEPARTMENT for entry in (ORDER_TESTS, VIEW_RESULTS)}
    return Actor(ActorKind.STAFF, staff.id, staff.full_name, bounds=Bounds(staff.id, staff.department_id, scopes))


def test_a_double_click_orders_once(app: Flask, bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        wish = Wish(test_ids=_test_ids("DGD"))

    def order() -> None:
        try:
            order_tests(laboratory.doctor, laboratory.patient, wish)
        except InvalidValue:
            db.session.rollback()

    _both(app, alpha, order)
    with bound(alpha):
        assert len(db.session.scalars(sa.select(LabOrder.id)).all()) == 1
        placed = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "lab_order.place")).one()
        assert placed.changes == {"tests": [str(wish.test_ids[0])]}, "ids, and not which tests these are"


def test_a_panel_that_was_retired_meanwhile_and_too_many_tests_are_refused(
    bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        panel, large = (LabPanel(code=code, name=code, is_active=False) for code in ("CU", "LON"))
        db.session.add_all((panel, large))
        db.session.flush()
        [first] = _test_ids("DGD")
        db.session.add(LabPanelTest(panel_id=panel.id, test_id=first))
        with pytest.raises(InvalidValue, match="không còn"):
            order_tests(laboratory.doctor, laboratory.patient, Wish(test_ids=[first], panel_ids=[panel.id]))
        large.is_active = True
        facts = {"category": "Z", "specimen": SpecimenKind.URINE, "position": 900}
        more = [LabTest(code=f"Z{n}", name=f"Z{n}", **facts) for n in range(61)]
        db.session.add_all(more)
        db.session.flush()
        db.session.add_all(LabPanelTest(panel_id=large.id, test_id=test.id) for test in more)
        with pytest.raises(InvalidValue, match="60"):
            order_tests(laboratory.doctor, laboratory.patient, Wish(panel_ids=[large.id]))
        db.session.rollback()


def test_one_kind_asked_for_twice_is_one_specimen(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item = laboratory.order("TPTNT")
        assert item.specimen is not None
        collect_specimens(laboratory.first, item.order_id, [item.specimen, item.specimen])
        assert len(db.session.scalars(sa.select(LabSpecimen.id)).all()) == 1


def test_who_ordered_keeps_within_reach_what_comes_of_it(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        doctor, other = (factories.make_staff("doctor", department="NHI") for _turn in range(2))
        report = make_report(laboratory.patient, doctor.id, {"K": ("7.1", Flag.CRITICAL_HIGH)})
        for who, count in ((doctor, 1), (other, 0)):
            assert count_inbox(_doctor(who), who.id) == count == list_inbox(_doctor(who), who.id).total
        with pytest.raises(PatientOutOfReach):
            acknowledge_critical(_doctor(other), report.id)
        assert acknowledge_critical(_doctor(doctor), report.id)
        db.session.execute(sa.update(LabOrder).values(ordered_at=clock.now() - timedelta(days=366)))
        assert count_inbox(_doctor(doctor), doctor.id) == 0 == list_inbox(_doctor(doctor), doctor.id).total


def test_results_of_who_has_no_account_any_more_are_their_departments(
    bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        colleague = factories.make_staff("doctor", department="NOI")
        stranger = factories.make_staff("doctor", department="NHI")
        laboratory.verified(K="5,9")
        assert count_inbox(_doctor(colleague), colleague.id) == 0
        db.session.execute(
            sa.update(StaffUser).where(StaffUser.id == laboratory.doctor.id).values(disabled_at=clock.now())
        )
        page = list_inbox(_doctor(colleague), colleague.id)
        assert [entry["row"].is_left for entry in page.items] == [True]
        assert count_inbox(_doctor(colleague), colleague.id) == 1
        assert count_inbox(_doctor(stranger), stranger.id) == 0


def test_urgent_orders_have_a_second_page(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        laboratory.order("DGD")
        for _turn in range(PER_PAGE + 1):
            laboratory.order("GLU", priority=LabPriority.URGENT, despite_open=True)
        technician = replace(laboratory.first)
        pages = [list_work(technician, Work.COLLECT, urgent_only=True, page=number).page for number in (1, 2)]
        assert [(len(page.items), page.total, page.pages) for page in pages] == [
            (PER_PAGE, PER_PAGE + 1, 2), (1, PER_PAGE + 1, 2),
        ]  # fmt: skip
        assert list_work(technician, Work.COLLECT).page.total == PER_PAGE + 2
        assert db.session.scalar(sa.select(sa.func.count()).select_from(LabOrderItem)) == PER_PAGE + 2
