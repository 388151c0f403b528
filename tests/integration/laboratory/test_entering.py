"""Who wrote in a draft never verifies it; what is not measured any more, missing or critical is never passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.laboratory.entering import Entry, enter_results
from app.domain.laboratory.errors import NotAllMeasured, SamePerson, verified_is_final
from app.domain.laboratory.measuring import list_measures
from app.domain.laboratory.models import Analyte, Flag, LabOrderItem, LabReport, LabResult, ReportStatus
from app.domain.laboratory.verifying import verify_report
from tests.integration.laboratory.conftest import Laboratory
from tests.support.platform import Platform

Bound = Callable[[str], Any]


@pytest.fixture
def catalogue(platform: Platform, alpha: str) -> Iterator[None]:
    """Put back afterwards which analytes are measured."""
    yield
    with platform.admin(alpha) as connection:
        connection.execute("UPDATE lab_analytes SET is_active = true WHERE code = 'CL'")


def _words(laboratory: Laboratory, item: LabOrderItem, who: Any, findings: str, **words: Any) -> LabReport:
    db.session.refresh(item)
    return enter_results(who, item.id, item.version, Entry(findings=findings, **words))


def test_whoever_wrote_findings_does_not_verify_them_after_another_saved(
    bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        item = laboratory.order("XQNGUC")
        _words(laboratory, item, laboratory.first, "Tổn thương nghi u")
        report = _words(laboratory, item, laboratory.second, "Tổn thương nghi u")
        assert (report.entered_by, report.contributors) == (laboratory.first.id, [laboratory.first.id])
        report = _words(laboratory, item, laboratory.second, "Tổn thương nghi u", interpretation="Chụp CT")
        for person in (laboratory.first, laboratory.second):
            with pytest.raises(SamePerson):
                verify_report(person, report.id, report.version)
        values = {"status": ReportStatus.VERIFIED, "verified_at": clock.now(), "verified_by": laboratory.first.id}
        change = sa.update(LabReport).values(values).execution_options(synchronize_session=False)
        with pytest.raises(SamePerson), verified_is_final(), db.session.begin_nested():
            db.session.execute(change)


def test_whoever_took_a_value_out_does_not_verify_either(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item = laboratory.order("DGD")
        laboratory.collect(item)
        laboratory.enter(item, K="4,1", NA="139")
        laboratory.enter(item, laboratory.second, K="4,1")
        report = laboratory.enter(item, laboratory.first, K="4,2")
        with pytest.raises(SamePerson):
            verify_report(laboratory.second, report.id, report.version, incomplete=True)


@pytest.mark.usefixtures("catalogue")
def test_a_correction_keeps_values_of_what_is_not_measured_any_more(
    bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        wrong = laboratory.verified(K="4,1", CL="130")
        db.session.execute(sa.update(Analyte).where(Analyte.code == "CL").values(is_active=False))
        item = db.session.get_one(LabOrderItem, wrong.item_id)
        for potassium in ("4,5", "4,6"):
            right = laboratory.enter(item, K=potassium, reason="Nhầm ống")
        assert right.has_critical
        rows = db.session.execute(
            sa.select(Analyte.code, LabResult.value, LabResult.flag)
            .join(Analyte, Analyte.id == LabResult.analyte_id)
            .where(LabResult.report_id == right.id)
            .order_by(Analyte.code)
        ).all()
        assert [(code, str(value), flag) for code, value, flag in rows] == [
            ("CL", "130", Flag.CRITICAL_HIGH), ("K", "4.6", Flag.NORMAL),
        ]  # fmt: skip
        assert right.not_measured == [one.name for one in _measures(item) if one.code == "NA"]


def test_what_is_missing_is_said_and_verified_on_purpose_only(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item = laboratory.order("DGD")
        laboratory.collect(item)
        report = laboratory.enter(item, K="4,1")
        assert report.not_measured == [one.name for one in _measures(item) if one.code != "K"]
        with pytest.raises(NotAllMeasured):
            verify_report(laboratory.second, report.id, report.version)
        report = laboratory.enter(item, K="4,1", NA="139", CL="101")
        assert report.not_measured == []
        verify_report(laboratory.second, report.id, report.version)


def test_findings_and_bounds_can_be_critical(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item = laboratory.order("XQNGUC")
        report = _words(laboratory, item, laboratory.first, "Tràn khí áp lực", called_critical=True)
        assert report.has_critical
        report = _words(laboratory, item, laboratory.first, "Tràn khí ít")
        assert not report.has_critical
        item = laboratory.order("DGD")
        laboratory.collect(item)
        assert laboratory.enter(item, K=">6,0").has_critical
        assert not laboratory.enter(item, K="6,0").has_critical
        item = laboratory.order("AFB")
        laboratory.collect(item)
        assert laboratory.enter(item, AFB="3+").has_critical


def _measures(item: LabOrderItem) -> Any:
    return list_measures(item.test_id, item.patient_id, item.created_at)
