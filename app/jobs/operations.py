"""Performing the long work that portals and schedules ask for; a sweep finds what no job announced."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from app.core.actor import system_actor
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.queue import enqueue, job
from app.core.unit_of_work import unit_of_work
from app.jobs.schedule import every
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.errors import OperationCancelled, OperationNotRetryable, OperationTaken
from app.tenancy.ledger.kinds import kind_named
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.queries import list_to_retry, list_waiting
from app.tenancy.ledger.requests import retry_operation

log = get_logger(__name__)

ACTOR = system_actor("schedule")
LONGEST = 12 * 3600


@job("perform_operation", queue="long", for_hospital=False, timeout_seconds=LONGEST, once_within=60)
def perform_operation(operation_id: str) -> None:
    """Do one piece of long work."""
    _perform(UUID(operation_id))


@job("perform_quick_operation", queue="fleet", for_hospital=False, timeout_seconds=1800, once_within=60)
def perform_quick_operation(operation_id: str) -> None:
    """Do one piece of work of seconds that is in the same ledger."""
    _perform(UUID(operation_id))


@every(seconds=10)
@job("sweep_operations", queue="fleet", for_hospital=False, once_within=30)
def sweep_operations() -> None:
    """Wake workers for what waits, for what a dead worker left, and for what may be tried again by itself."""
    with unit_of_work():
        for operation_id in list_to_retry():
            with suppress(OperationNotRetryable):  # somebody was faster
                retry_operation(ACTOR, operation_id, wake=False)
    with unit_of_work():
        waiting = list_waiting()
    for operation_id, kind in waiting:
        name = "perform_quick_operation" if kind_named(kind).quick else "perform_operation"
        enqueue(name, operation_id=str(operation_id))


def _perform(operation_id: UUID) -> None:
    """Do the work; what went wrong stands in the ledger, for people."""
    try:
        perform(operation_id)
    except (OperationTaken, HospitalBusy, OperationCancelled) as error:
        log.info("operation not done", operation_id=str(operation_id), reason=type(error).__name__)
    except VienError as error:
        log.error("operation failed", operation_id=str(operation_id), reason=str(error))
