"""Asking for the backups that are due, and for old ones to be removed."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import job
from app.jobs.schedule import every
from app.tenancy.backups.scheduling import request_due_backups, request_pruning

log = get_logger(__name__)

ACTOR = system_actor("schedule")


@every(seconds=60)
@job("request_due_backups", queue="fleet", for_hospital=False, once_within=60)
def ask_for_backups() -> None:
    """Ask for the backups that are due, a few at a time."""
    asked = request_due_backups(ACTOR)
    if asked:
        log.info("backups asked for", hospitals=asked)


@every(seconds=86_400)
@job("prune_backups", queue="fleet", for_hospital=False, once_within=3600)
def ask_for_pruning() -> None:
    """Ask for old backups to be removed."""
    request_pruning(ACTOR)
