"""What the materialized views count, when they are counted again, and who may have them counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.reports import measures
from app.domain.reports.models import ReportRefresh
from app.domain.reports.periods import make_period
from app.domain.reports.queries import (
    Asked,
    find_freshness,
    read_departments,
    read_diagnoses,
    read_doctors,
    read_patients,
    read_visits,
)
from app.domain.reports.refreshing import figures_are_old
from app.jobs.reports import refresh_reports
from app.tenancy.binding import bind_hospital
from tests.support.platform import ACTOR, Platform

Count = Callable[[str], None]
MARCH = make_period(date(2026, 3, 1), date(2026, 3, 31))
OLDER = "UPDATE report_refreshes SET refreshed_at = refreshed_at - interval '2 hours'"


def test_a_day_is_the_hospitals_own_and_sums_up_what_became_of_its_visits(
    app: Flask, alpha: str, days: dict[str, UUID], count: Count
) -> None:
    count(alpha)
    with app.app_context(), bind_hospital(alpha):
        first, second = read_visits(Asked(MARCH))
        assert (first.starts, first.visits, first.completed, first.cancelled, first.no_shows, first.standing) == (
            date(2026, 3, 2), 5, 2, 1, 1, 1,
        )  # fmt: skip
        assert (first.by_patients, first.within_15, first.within_60, first.over_60) == (1, 1, 1, 0)
        assert (str(measures.average_wait(first)), str(measures.no_show_percent(first))) == ("30.0", "25.0")
        assert (second.starts, second.completed, second.within_30) == (date(2026, 3, 3), 1, 1)
        assert [row.visits for row in read_visits(Asked(MARCH, days["NHI"]))] == [1]


def test_departments_doctors_patients_and_diagnoses_are_told_apart(
    app: Flask, alpha: str, days: dict[str, UUID], count: Count
) -> None:
    count(alpha)
    with app.app_context(), bind_hospital(alpha):
        assert [row.visits for row in read_departments(Asked(MARCH))] == [5, 1]
        doctors = {row.name: (row.visits, measures.average_consultation(row)) for row in read_doctors(Asked(MARCH))}
        assert {name: (visits, str(minutes)) for name, (visits, minutes) in doctors.items()} == {
            "Bác sĩ Một": (5, "10.0"), "Bác sĩ Hai": (1, "10.0"),
        }  # fmt: skip
        ages = {row.age_from: (row.seen, row.first_visits) for row in read_patients(Asked(MARCH)) if row.seen}
        assert ages[0] == (2, 1)  # the child came on two days, and once for the first time
        assert sum(seen for seen, _first in ages.values()) == 3
        blocks = [(one.block.code, one.as_primary, one.as_secondary) for one in read_diagnoses(Asked(MARCH))]
        assert blocks == [("I10-I15", 1, 0), ("E10-E14", 0, 1)]


def test_figures_stay_as_they_were_until_they_are_counted_again(
    app: Flask, alpha: str, days: dict[str, UUID], count: Count, platform: Platform
) -> None:
    count(alpha)
    with platform.admin(alpha) as connection:
        connection.execute("UPDATE appointments SET status = 'no_show' WHERE status = 'booked'")
    with app.app_context(), bind_hospital(alpha):
        before = measures.total(read_visits(Asked(MARCH))).no_shows
    with app.app_context(), bind_hospital(alpha):
        refresh_reports()  # concurrently, the views are filled by now
        assert (before, measures.total(read_visits(Asked(MARCH))).no_shows) == (1, 2)


def test_they_are_counted_again_when_something_has_happened_and_not_before(
    app: Flask, alpha: str, platform: Platform, count: Count
) -> None:
    with app.app_context(), bind_hospital(alpha):
        assert find_freshness() is None
        assert figures_are_old()
    count(alpha)
    with app.app_context(), bind_hospital(alpha):
        assert not figures_are_old()
    with platform.admin(alpha) as connection:
        connection.execute(OLDER)
    with app.app_context(), bind_hospital(alpha), unit_of_work():
        assert not figures_are_old()
        nobody = UUID(int=0)
        record_change(ACTOR, "appointment.book", subject_type="appointment", subject_id=nobody, event={})
        assert figures_are_old()


def test_a_dear_counting_is_done_less_often(app: Flask, alpha: str, platform: Platform, count: Count) -> None:
    count(alpha)
    with platform.admin(alpha) as connection:
        connection.execute(OLDER)
        connection.execute("UPDATE report_refreshes SET took_ms = 60000")  # four minutes together: every 200 minutes
    with app.app_context(), bind_hospital(alpha), unit_of_work():
        record_change(ACTOR, "appointment.book", subject_type="appointment", subject_id=UUID(int=0), event={})
        assert not figures_are_old()


def test_the_hospitals_role_reads_figures_and_has_nothing_else_refreshed(app: Flask, alpha: str, count: Count) -> None:
    here: dict[str, Any] = {"bind_arguments": {"mapper": ReportRefresh}}
    count(alpha)
    for statement, fault in (
        (sa.text("REFRESH MATERIALIZED VIEW appointment_stats"), ProgrammingError),
        (sa.text("UPDATE report_refreshes SET took_ms = 0"), ProgrammingError),
        (sa.select(sa.func.vien_refresh_report("patients", "Asia/Ho_Chi_Minh")), DBAPIError),
        (sa.select(sa.func.vien_refresh_report("appointment_stats", "Nowhere/At_All")), DBAPIError),
    ):
        with app.app_context(), bind_hospital(alpha), pytest.raises(fault), unit_of_work():
            db.session.execute(statement, **here)


def test_patients_portal_reads_no_figures(platform: Platform, alpha: str) -> None:
    query = """
    SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a
    WHERE a.grantee = 'vien_patient'::regrole AND c.relname LIKE ANY ('{%%_stats,report_refreshes}')
    """
    with platform.admin(alpha) as connection:
        assert connection.execute(query.replace("%%", "%")).fetchall() == []
