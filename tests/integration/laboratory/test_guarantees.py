"""What the database itself holds of results, and what happens when two are at it at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Conflict
from app.core.unit_of_work import unit_of_work
from app.domain.audit.outbox import PlacedEvent
from app.domain.laboratory.collecting import collect_specimens
from app.domain.laboratory.errors import NotThatFar, SamePerson, VerifiedIsFinal, verified_is_final
from app.domain.laboratory.models import LabOrder, LabOrderItem, LabReport, LabResult, LabSpecimen, ReportStatus
from app.domain.laboratory.rules import Release
from app.domain.laboratory.settings import LabSettings, change_lab_settings
from app.domain.laboratory.telling import tell_who_ordered
from app.domain.laboratory.verifying import acknowledge_critical, review_report, verify_report
from app.domain.notices.models import Notification
from app.domain.privacy.erasing import decide, propose
from app.domain.privacy.holdings import list_exported
from app.domain.privacy.models import ErasureKind
from app.domain.privacy.packing import _read
from app.tenancy.binding import bind_hospital
from tests.integration.laboratory.conftest import Laboratory
from tests.support.platform import Platform

Bound = Callable[[str], Any]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lab_results SET value = 1",
        "UPDATE lab_results SET flag = 'normal'",
        "DELETE FROM lab_results",
        "UPDATE lab_reports SET findings = 'khác'",
        "UPDATE lab_reports SET verified_by = entered_by",
        "UPDATE lab_reports SET status = 'draft', verified_at = NULL, verified_by = NULL, is_current = false",
        "UPDATE lab_reports SET is_current = false",
        "DELETE FROM lab_reports",
    ],
)
def test_what_is_verified_is_frozen_by_the_database(
    bound: Bound, alpha: str, laboratory: Laboratory, platform: Platform, change: str
) -> None:
    with bound(alpha):
        laboratory.verified()
    with platform.admin(alpha) as connection, pytest.raises(Exception, match="never changed"):
        connection.execute("SET session_replication_role = origin")
        connection.execute(change)


def test_whoever_entered_one_value_does_not_verify(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item = laboratory.order("DGD")
        laboratory.collect(item)
        laboratory.enter(item, K="4,1")
        report = laboratory.enter(item, laboratory.second, K="4,1", NA="139")
        for person in (laboratory.first, laboratory.second):
            with pytest.raises(SamePerson):
                verify_report(person, report.id, report.version)
        for person in (laboratory.first, laboratory.second):
            values = {"status": ReportStatus.VERIFIED, "verified_at": clock.now(), "verified_by": person.id}
            change = sa.update(LabReport).values(values).execution_options(synchronize_session=False)
            with pytest.raises(SamePerson), verified_is_final(), db.session.begin_nested():
                db.session.execute(change)


def test_a_value_stands_under_no_other_patient_than_its_order(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    from tests.factories.people import make_patient

    with bound(alpha):
        item = laboratory.order("DGD")
        laboratory.collect(item)
        laboratory.enter(item, K="4,1")
        other = make_patient()
        with pytest.raises(DBAPIError, match="belongs to the patient"), db.session.begin_nested():
            db.session.execute(sa.update(LabResult).values(patient_id=other.id))


def _both(app: Flask, code: str, act: Callable[[], Any]) -> list[Any]:
    """Do an act twice at the same time; return what came of each."""
    together = Barrier(2)

    def one() -> Any:
        with app.app_context(), bind_hospital(code):
            together.wait(60)
            try:
                with unit_of_work():
                    act()
            except Conflict as error:
                return type(error)
            return "done"

    with ThreadPoolExecutor(2) as pool:
        return [each.result(60) for each in [pool.submit(one), pool.submit(one)]]


def test_of_two_who_verify_or_collect_at_once_one_does(
    app: Flask, bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        item = laboratory.order("DGD")
        order_id, item_id, kind = item.order_id, item.id, item.specimen
    assert kind is not None
    done = _both(app, alpha, lambda: collect_specimens(laboratory.first, order_id, [kind]))
    assert sorted(map(str, done)) == sorted(map(str, ["done", NotThatFar]))
    with bound(alpha):
        assert len(db.session.scalars(sa.select(LabSpecimen)).all()) == 1
        report = laboratory.enter(db.session.get_one(LabOrderItem, item_id), K="4,1")
        report_id, version = report.id, report.version
    done = _both(app, alpha, lambda: verify_report(laboratory.second, report_id, version, incomplete=True))
    assert sorted(map(str, done)) == sorted(map(str, ["done", NotThatFar]))


def test_critical_values_ring_for_who_ordered_until_somebody_takes_note(
    bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        report = laboratory.verified(K="7,1")
        event = PlacedEvent(1, report.id, "lab_report.critical", "lab_report", report.id,
                            {"ordered_by": str(laboratory.doctor.id)})  # fmt: skip
        for _turn in range(2):
            tell_who_ordered([event])
        told = db.session.scalars(sa.select(Notification)).one()
        assert (told.staff_id, told.subject_id) == (laboratory.doctor.id, report.id)
        assert acknowledge_critical(laboratory.doctor, report.id)
        assert not acknowledge_critical(laboratory.doctor, report.id)
        harmless = laboratory.verified(K="4,1")
        with pytest.raises(NotThatFar):
            acknowledge_critical(laboratory.doctor, harmless.id)


@pytest.mark.usefixtures("own_rules")
def test_a_patient_sees_only_what_was_released(
    bound: Bound, alpha: str, laboratory: Laboratory, platform: Platform
) -> None:
    with bound(alpha):
        unseen = laboratory.verified(K="4,1")
        item = laboratory.order("GLU")
        laboratory.collect(item)
        laboratory.enter(item, GLU="5,0")
        change_lab_settings(laboratory.doctor, 0, LabSettings(Release.AFTER_HOURS, 24))
        later = laboratory.verified(K="4,2")
        change_lab_settings(laboratory.doctor, 1, LabSettings(Release.AT_ONCE, 24))
        now = laboratory.verified(K="4,3")
        assert (unseen.released_at, later.released_at) == (None, later.verified_at + timedelta(hours=24))  # type: ignore[operator]
        now_id, unseen_id = now.id, unseen.id
    assert _seen_by(platform, alpha, laboratory.patient) == {now_id}
    with bound(alpha):
        review_report(laboratory.doctor, unseen_id)
    assert _seen_by(platform, alpha, laboratory.patient) == {now_id, unseen_id}
    assert _seen_by(platform, alpha, laboratory.doctor.id) == set()


def _seen_by(platform: Platform, code: str, patient_id: Any) -> set[Any]:
    """Return the reports whose values the patient portal's role sees of a patient."""
    with platform.admin(code) as connection, connection.transaction():
        connection.execute("SELECT set_config('app.patient_id', %s, true)", (str(patient_id),))
        connection.execute("SET LOCAL ROLE vien_patient")
        reports = {row[0] for row in connection.execute("SELECT id FROM lab_reports").fetchall()}
        assert {row[0] for row in connection.execute("SELECT report_id FROM lab_results").fetchall()} == reports
        return reports


def test_a_correction_takes_the_place_of_what_was_verified(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        wrong = laboratory.verified(K="4,1")
        item = db.session.get_one(LabOrderItem, wrong.item_id)
        right = laboratory.enter(item, K="4,5", reason="Nhầm ống")
        assert db.session.get_one(LabReport, wrong.id).is_current, (
            "the verified one stands until the new one is verified"
        )
        verify_report(laboratory.second, right.id, right.version, incomplete=True)
        db.session.expire_all()
        assert [db.session.get_one(LabReport, one.id).status for one in (wrong, right)] == [
            ReportStatus.CORRECTED,
            ReportStatus.VERIFIED,
        ]
        with pytest.raises(VerifiedIsFinal), verified_is_final(), db.session.begin_nested():
            db.session.execute(sa.delete(LabResult).where(LabResult.report_id == wrong.id))


def test_results_go_with_the_patient_who_is_erased(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    one, other = (Actor(ActorKind.STAFF, uuid4(), name) for name in ("Một", "Hai"))
    with bound(alpha):
        laboratory.verified()
        row = propose(one, laboratory.patient, ErasureKind.ERASE, "Theo yêu cầu")
        decide(other, laboratory.patient, row.id, row.version, approve=True)
        erase = sa.select(sa.func.vien_erase_patient(row.id))
        db.session.execute(erase, bind_arguments={"mapper": LabOrder})
        for model in (LabOrder, LabOrderItem, LabSpecimen, LabReport, LabResult):
            assert db.session.scalars(sa.select(model.id)).all() == [], model


def test_a_copy_of_ones_data_carries_released_results_only(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    holdings = {one.table: one for one in list_exported()}
    tables = db.metadatas["hospital"].tables
    with bound(alpha):
        laboratory.verified(K="4,1")
        seen = laboratory.verified(K="4,2")
        review_report(laboratory.doctor, seen.id)
        seen_id = seen.id
    with bound(alpha):
        for table, column in (("lab_reports", "id"), ("lab_results", "report_id")):
            rows = _read(holdings[table], tables[table], laboratory.patient)
            assert {row[column] for row in rows} == {seen_id}, table
