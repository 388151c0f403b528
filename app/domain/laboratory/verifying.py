"""Verifying results by a second person; then who must act takes note, a doctor reviews, and the patient sees them.

What is verified is frozen by triggers in the database, which also refuse the verification by whoever wrote in it.
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import StaleVersion
from app.domain.access.reach import authorise
from app.domain.identity.permissions import ORDER_TESTS, VERIFY_RESULTS
from app.domain.laboratory.errors import (
    SINCE,
    LabReportNotFound,
    NotAllMeasured,
    NotThatFar,
    SamePerson,
    verified_is_final,
)
from app.domain.laboratory.models import ItemStatus, LabReport, LabResult, ReportStatus
from app.domain.laboratory.noting import note
from app.domain.laboratory.ordering import hold_item
from app.domain.laboratory.rules import release_at
from app.domain.laboratory.settings import read_lab_settings
from app.tenancy.binding import needs_revision


def verify_report(actor: Actor, report_id: UUID, version: int, *, incomplete: bool = False) -> LabReport:
    """Verify what somebody else entered; the version before, if there is one, is corrected by it.

    Raises LabReportNotFound, PatientOutOfReach, StaleVersion, NotThatFar, SamePerson, or NotAllMeasured where values
    are missing and it was not said that they may be (`incomplete`).
    """
    needs_revision(SINCE)
    item = hold_item(_item_of(report_id))  # before the report, as who enters does
    report = _hold_report(report_id)
    actor = authorise(actor, report.patient_id, VERIFY_RESULTS)
    if report.status is not ReportStatus.DRAFT:
        raise NotThatFar
    if actor.id in _who_entered(report):
        raise SamePerson
    if report.version != version:
        raise StaleVersion
    if report.not_measured and not incomplete:
        raise NotAllMeasured(report.not_measured)
    with verified_is_final():
        if report.parent_id is not None:
            _retire(actor, report.parent_id)
        settings, _version = read_lab_settings()
        report.status, report.is_current = ReportStatus.VERIFIED, True
        report.verified_at, report.verified_by, report.updated_by = clock.now(), actor.id, actor.id
        report.released_at = release_at(settings.release, settings.hours, report.verified_at)
        item.status, item.updated_by = ItemStatus.VERIFIED, actor.id
        db.session.flush()
    note(actor, "verify", report, event=True, number=report.number)
    if report.parent_id is not None:
        note(actor, "correct", report, event=True, parent=str(report.parent_id))
    if report.has_critical:
        note(actor, "critical", report, event=True)
    return report


def acknowledge_critical(actor: Actor, report_id: UUID) -> bool:
    """Take note, on the side that ordered, of critical values; False where somebody has done so already.

    Raises LabReportNotFound, PatientOutOfReach, or NotThatFar where there is nothing critical to take note of.
    """
    needs_revision(SINCE)
    report = _hold_report(report_id)
    actor = authorise(actor, report.patient_id, ORDER_TESTS)
    if not report.has_critical or not report.is_current:
        raise NotThatFar
    if report.acknowledged_at is not None:
        return False
    report.acknowledged_at, report.acknowledged_by, report.updated_by = clock.now(), actor.id, actor.id
    db.session.flush()
    note(actor, "acknowledge", report, event=True)
    return True


def review_report(actor: Actor, report_id: UUID) -> bool:
    """Note that a doctor has seen a result, and taken note of what is critical in it; False where it was seen already.

    Where the hospital lets doctors see results first, the patient sees it from now on. Raises as acknowledging does.
    """
    needs_revision(SINCE)
    report = _hold_report(report_id)
    actor = authorise(actor, report.patient_id, ORDER_TESTS)
    if not report.is_current:
        raise NotThatFar
    if report.reviewed_at is not None:
        return False
    now = clock.now()
    if report.has_critical and report.acknowledged_at is None:
        report.acknowledged_at, report.acknowledged_by = now, actor.id
    report.reviewed_at, report.reviewed_by, report.updated_by = now, actor.id, actor.id
    report.released_at = report.released_at or now
    db.session.flush()
    note(actor, "review", report, event=True)
    return True


def _item_of(report_id: UUID) -> UUID:
    item_id = db.session.scalar(sa.select(LabReport.item_id).where(LabReport.id == report_id))
    if item_id is None:
        raise LabReportNotFound
    return item_id


def _hold_report(report_id: UUID) -> LabReport:
    query = sa.select(LabReport).where(LabReport.id == report_id).with_for_update()
    report = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if report is None:
        raise LabReportNotFound
    return report


def _who_entered(report: LabReport) -> set[UUID]:
    query = sa.select(LabResult.entered_by).where(LabResult.report_id == report.id).distinct()
    return {report.entered_by, *report.contributors, *db.session.scalars(query)}


def _retire(actor: Actor, parent_id: UUID) -> None:
    # Before the new version becomes current: the partial unique index knows one current version of a test.
    db.session.execute(
        sa.update(LabReport)
        .where(LabReport.id == parent_id)
        .values(
            status=ReportStatus.CORRECTED,
            is_current=False,
            updated_by=actor.id,
            updated_at=clock.now(),
            version=LabReport.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
