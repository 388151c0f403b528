"""Ending roles that were replaced, and the daily proof that no hospital reaches another."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.jobs.schedule import every
from app.tenancy.credentials.isolation import CHECK_ISOLATION
from app.tenancy.credentials.retirement import drop_due_logins
from app.tenancy.ledger.requests import find_unfinished, request_operation

log = get_logger(__name__)

ACTOR = system_actor("schedule")
DAY = 86_400


@every(seconds=300)
@job("drop_replaced_logins", queue="fleet", for_hospital=False, once_within=600)
def drop_replaced_logins() -> None:
    """Drop the database roles that were replaced and whose time is over."""
    dropped = drop_due_logins(ACTOR)
    if dropped:
        log.info("replaced database roles dropped", count=dropped)


@every(seconds=DAY)
@job("ask_for_isolation_check", queue="fleet", for_hospital=False)
def ask_for_isolation_check() -> None:
    """Have it proven once more that no hospital reaches another, unless that is under way."""
    with unit_of_work():
        if find_unfinished(CHECK_ISOLATION, None) is None:
            request_operation(ACTOR, CHECK_ISOLATION)
