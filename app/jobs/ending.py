"""The end of hospitals, on time: deletions whose grace period is over, backups and exit kits whose time is."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.jobs.schedule import every
from app.tenancy.ending.deleting import request_due_deletions
from app.tenancy.ending.exit_kits import drop_ended_kits
from app.tenancy.ending.leftovers import destroy_due_backups

log = get_logger(__name__)

ACTOR = system_actor("schedule")
HOUR = 3_600


@every(seconds=600)
@job("ask_for_due_deletions", queue="fleet", for_hospital=False, once_within=300)
def ask_for_due_deletions() -> None:
    """Have the hospitals deleted whose grace period is over."""
    with unit_of_work():
        asked = request_due_deletions(ACTOR)
    for code in asked:
        log.warning("the grace period is over; the hospital is deleted", hospital=code)


@every(seconds=HOUR)
@job("end_exit_kits", queue="fleet", for_hospital=False)
def end_exit_kits() -> None:
    """Remove exit kits whose time is over."""
    removed = drop_ended_kits()
    if removed:
        log.info("exit kits removed", count=removed)


@every(seconds=6 * HOUR)
@job("end_backups_of_deleted", queue="fleet", for_hospital=False, timeout_seconds=1800)
def end_backups_of_deleted() -> None:
    """Destroy what is left of deleted hospitals in the store, once their certificate's day has come."""
    for code in destroy_due_backups(ACTOR):
        log.warning("the last backups of a deleted hospital are destroyed", hospital=code)
