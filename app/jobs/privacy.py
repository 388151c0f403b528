"""Data protection by itself: requests that are overdue are reported."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.privacy.requests import have_overdue, report_overdue
from app.jobs.schedule import every


@every(seconds=300, due=have_overdue)
@job("report_overdue_requests", queue="hospital", for_hospital=True, once_within=60)
def report_overdue_requests() -> None:
    """Raise a security event for each request about personal data that is overdue."""
    with unit_of_work():
        report_overdue(system_actor("requests about data"))
