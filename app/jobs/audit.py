"""Keeping the logs: sealing them again and again, checking them against their seals every day."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.audit.retention import has_due_months, retire_due_months
from app.domain.audit.sealing import ACTOR, has_unsealed_rows, tell_of_tampering
from app.jobs.schedule import every
from app.tenancy.binding import bind_hospital
from app.tenancy.sealing.hospitals import seal_hospital, seal_platform, verify_hospital, verify_platform

log = get_logger(__name__)

TEN_MINUTES = 600
DAY = 86_400
HOURS_TO_READ = 4 * 3600


@every(seconds=TEN_MINUTES, due=has_unsealed_rows)
@job("seal_logs", queue="hospital", for_hospital=True, once_within=TEN_MINUTES, binds_itself=True)
def seal_logs(hospital: str) -> None:
    """Seal a hospital's logs and carry the heads to the centre."""
    rows, goes_on = seal_hospital(hospital)
    log.info("logs sealed", hospital=hospital, rows=rows)
    if not goes_on:
        with bind_hospital(hospital), unit_of_work():
            tell_of_tampering({"head": 1})


@every(seconds=TEN_MINUTES)
@job("seal_platform_log", queue="fleet", for_hospital=False, once_within=TEN_MINUTES)
def seal_platform_log() -> None:
    """Seal the platform's own log."""
    seal_platform()


@every(seconds=DAY)
@job("verify_logs", queue="long", for_hospital=True, timeout_seconds=HOURS_TO_READ, once_within=DAY, binds_itself=True)
def verify_logs(hospital: str) -> None:
    """Check a hospital's logs against their seals, and say it where they differ."""
    report = verify_hospital(hospital)
    log.info("logs checked", hospital=hospital, state=report.state.value, rows=report.rows)
    if report.counts:
        with bind_hospital(hospital), unit_of_work():
            tell_of_tampering(dict(report.counts))


@every(seconds=DAY)
@job("verify_platform_log", queue="long", for_hospital=False, timeout_seconds=HOURS_TO_READ, once_within=DAY)
def verify_platform_log() -> None:
    """Check the platform's log against its seals."""
    verify_platform()


@every(seconds=DAY, due=has_due_months)
@job("retire_logs", queue="hospital", for_hospital=True, once_within=DAY)
def retire_logs() -> None:
    """Drop the months of the logs that are older than the hospital keeps them; seals and a certificate stay."""
    for month, rows in retire_due_months(ACTOR):
        log.info("month of a log dropped", log=month.log, month=f"{month.begins:%Y-%m}", rows=rows)
