"""Counting a hospital's figures again where something has happened since."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.reports.refreshing import figures_are_old, refresh_view, view_names
from app.jobs.schedule import every

log = get_logger(__name__)

FIVE_MINUTES = 300
HOUR = 3600


@every(seconds=FIVE_MINUTES, due=figures_are_old)
@job("refresh_reports", queue="long", for_hospital=True, timeout_seconds=HOUR, once_within=FIVE_MINUTES)
def refresh_reports() -> None:
    """Count every view of the reports again, each in a transaction of its own."""
    for view in view_names():
        with unit_of_work():
            refresh_view(view)
    log.info("figures counted")
