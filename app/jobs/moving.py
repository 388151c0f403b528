"""Taking back what moves that failed left on servers that were away."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.jobs.schedule import every
from app.tenancy.moving.leftovers import take_back_left_moves

log = get_logger(__name__)


@every(seconds=300)
@job("take_back_left_moves", queue="fleet", for_hospital=False, timeout_seconds=900, once_within=240)
def take_back_moves() -> None:
    """Drop slots, subscriptions, roles and half-made databases; a forgotten slot fills a server's disk."""
    done = take_back_left_moves()
    if done:
        log.info("moves taken back", moves=done)
