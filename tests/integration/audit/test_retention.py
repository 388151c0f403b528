"""Months of the logs are dropped whole when their time is over, and the check of the seals knows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue
from app.domain.audit.models import AuditEntry
from app.domain.audit.retention import keep_for, list_certificates, list_due_months, retire_due_months, years_kept
from app.tenancy.binding import bind_hospital
from app.tenancy.models import AuditState
from app.tenancy.sealing.hospitals import seal_hospital, verify_hospital
from tests.integration.cli.test_hospital_commands import run
from tests.support.platform import ACTOR, Platform

Write = Callable[..., None]


@pytest.fixture
def old_months(app: Flask, alpha: str, platform: Platform, write: Write) -> Any:
    """Rows of January 2010 and of today, sealed together."""
    with platform.admin(alpha) as connection:
        for log in ("audit_log", "access_log"):
            connection.execute("SET ROLE vien_owner")
            bounds = "FOR VALUES FROM ('2010-01-01Z') TO ('2010-02-01Z')"
            connection.execute("SELECT vien_make_log_partition(%s, '2010_01', %s)", (log, bounds))
    with app.app_context():
        with clock.frozen_at(datetime(2010, 1, 15, tzinfo=UTC)):
            write(alpha, 3)
        write(alpha, 2)
        yield alpha
    with platform.admin(alpha) as connection:
        for log in ("audit_log", "access_log"):
            connection.execute(f"DROP TABLE IF EXISTS {log}_2010_01")
        connection.execute("DELETE FROM settings WHERE key = 'log_retention'")


def test_a_sealed_month_is_dropped_and_missed_by_nobody(old_months: str, bound: Callable[[str], Any]) -> None:
    seal_hospital(old_months)
    with bind_hospital(old_months):
        assert [rows for _, rows in retire_due_months(ACTOR)] == [3, 3]
        assert retire_due_months(ACTOR) == []
    report = verify_hospital(old_months)
    assert (report.state, report.retired, report.rows) == (AuditState.GOOD, 6, 4)
    with bound(old_months):
        assert {(one.log, one.rows, one.years) for one in list_certificates()} == {
            ("audit_log", 3, 10), ("access_log", 3, 10),
        }  # fmt: skip
        query = sa.select(AuditEntry.changes).where(AuditEntry.action == "audit.retire")
        assert {change["month"] for change in db.session.scalars(query)} == {"2010-01"}


def test_what_is_not_sealed_is_not_dropped(old_months: str) -> None:
    with bind_hospital(old_months), pytest.raises(sa.exc.DBAPIError) as caught:
        retire_due_months(ACTOR)
    assert isinstance(caught.value.orig, psycopg.Error)
    assert caught.value.orig.sqlstate == "VI005"
    seal_hospital(old_months)
    assert verify_hospital(old_months).state is AuditState.GOOD


def test_a_forged_certificate_explains_no_younger_month(
    old_months: str, tamper: Callable[..., Any], platform: Platform
) -> None:
    seal_hospital(old_months)
    month = f"{clock.now():%Y-%m}-01"
    with tamper(old_months) as connection:
        connection.execute("DELETE FROM audit_log WHERE at > '2020-01-01'")
        connection.execute(
            "INSERT INTO log_retirements VALUES ('audit_log', %s, 2, 10, now() + interval '30 years', 'x')", (month,)
        )
    report = verify_hospital(old_months, keep=False)
    assert report.counts == {"missing": 2}


def test_a_hospital_keeps_its_logs_longer_but_never_shorter_than_ten_years(
    old_months: str, bound: Callable[[str], Any]
) -> None:
    with bound(old_months):
        assert years_kept() == 10
        with pytest.raises(InvalidValue):
            keep_for(ACTOR, 9)
        keep_for(ACTOR, 30)
        assert years_kept() == 30
        assert list_due_months() == []
        keep_for(ACTOR, 10)


def test_the_command_says_first_what_it_would_drop(old_months: str, app: Flask) -> None:
    seal_hospital(old_months)
    dry = run(app, "hospital", "audit", "retire", old_months, "--dry-run", "--json")
    assert dry.stdout.count("2010-01") == 2
    done = run(app, "hospital", "audit", "retire", old_months, "--json")
    assert done.exit_code == 0, done.stderr
    assert '"rows": 3' in done.stdout
    assert run(app, "hospital", "audit", "retire", old_months).stdout == ""
