"""The round: asks every active hospital what is due there, and wakes the jobs for it.

One look at a hospital answers for all jobs of one period. Hospitals are asked a few at a time, so that one whose
database does not answer delays a fraction of the others, and by a connect timeout at most.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from flask import Flask, current_app

from app.core.db import db
from app.core.logging import clear_log, get_logger
from app.core.queue import enqueue, job
from app.core.unit_of_work import unit_of_work
from app.jobs.lease import Lease
from app.jobs.schedule import Period, list_periods
from app.tenancy.binding import bind_hospital
from app.tenancy.models import Hospital, HospitalStatus

log = get_logger(__name__)

WAKE = "wake_hospitals"
AT_ONCE = 4


@job(WAKE, queue="fleet", for_hospital=False, timeout_seconds=300, once_within=30)
def wake_hospitals(seconds: int) -> None:
    """Wake what is due in each active hospital, of the jobs that are done every so many seconds."""
    periods = [period for period in list_periods() if period.for_hospital and period.seconds == seconds]
    lease = Lease(f"{WAKE} {seconds}")
    if not lease.hold():
        return  # the last round still goes on
    try:
        with unit_of_work() as session:
            codes = list(session.scalars(sa.select(Hospital.code).where(Hospital.status == HospitalStatus.ACTIVE)))
        _wake(codes, periods)
    finally:
        lease.release()


def _wake(codes: list[str], periods: list[Period]) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for code, due in zip(codes, pool.map(lambda code: find_due(app, code, periods), codes), strict=True):
            for name in due:
                enqueue(name, hospital=code)


def find_due(app: Flask, code: str, periods: list[Period]) -> list[str]:
    """Return the jobs that have something to do in one hospital; none where it cannot be asked."""
    unconditional = [period.job for period in periods if period.due is None]
    if len(unconditional) == len(periods):
        return unconditional
    clear_log()
    try:
        with app.app_context(), bind_hospital(code):
            found = [period.job for period in periods if period.due is None or period.due()]
            db.session.rollback()
            return found
    except Exception as error:  # whatever is wrong with one hospital, the others are asked
        log.warning("hospital could not be asked what is due", hospital=code, error=type(error).__name__)
        return []
