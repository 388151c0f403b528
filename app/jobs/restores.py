"""Proving backups, and clearing what restores and moves left behind."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import job
from app.jobs.schedule import every
from app.tenancy.pausing import lift_left_pauses
from app.tenancy.restores.drilling import request_due_drills
from app.tenancy.swapping import drop_due_databases

log = get_logger(__name__)

ACTOR = system_actor("schedule")


@every(seconds=600)
@job("request_due_drills", queue="fleet", for_hospital=False, once_within=300)
def ask_for_drills() -> None:
    """Ask for the restore drills that are due, a few at a time."""
    asked = request_due_drills(ACTOR)
    if asked:
        log.info("drills asked for", hospitals=asked)


@every(seconds=3600)
@job("drop_retired_databases", queue="fleet", for_hospital=False, timeout_seconds=1800, once_within=600)
def drop_retired_databases() -> None:
    """Drop the databases that were exchanged and whose time is over."""
    drop_due_databases(ACTOR)


@every(seconds=15)
@job("lift_left_pauses", queue="fleet", for_hospital=False, once_within=30)
def lift_pauses() -> None:
    """Let hospitals serve again whose pause a dead process left behind."""
    lift_left_pauses()
