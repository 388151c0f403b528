"""Carrying events without a relay, on the schedule; and what is told to the centre and handed down by the clock."""

from __future__ import annotations

from typing import Any

from app.core.actor import system_actor
from app.core.queue import job
from app.domain.centre import operations  # noqa: F401 (it declares kinds of long work)
from app.domain.centre.handing_down import hand_down, is_handed_something
from app.domain.centre.pruning import has_old_events, prune_events
from app.domain.centre.reconciling import is_reconciliation_due, reconcile
from app.domain.centre.redelivering import JOB, redeliver
from app.domain.centre.relaying import has_work, relay_events
from app.domain.centre.usage import tell_usage
from app.jobs.schedule import every
from app.tenancy.waking import CARRY


@every(seconds=15, due=has_work)
@job(CARRY, queue="hospital", for_hospital=True, timeout_seconds=300, once_within=10, binds_itself=True)
def sync_hospital(hospital: str) -> None:
    """Carry everything that waits in a hospital to its consumers and to the centre."""
    relay_events(hospital)


@job(JOB, queue="hospital", for_hospital=True, timeout_seconds=120)
def redeliver_event(consumer: str, event: dict[str, Any]) -> None:
    """Tell a consumer once more of an event that it could not stand."""
    redeliver(consumer, event)


@every(seconds=15, due=is_handed_something)
@job("hand_down", queue="hospital", for_hospital=True, timeout_seconds=60, once_within=30, binds_itself=True)
def hand_down_configuration(hospital: str) -> None:
    """Take what the platform hands down into the hospital's own database."""
    hand_down(hospital)


@every(seconds=3600)
@job("tell_usage", queue="hospital", for_hospital=True, timeout_seconds=600, once_within=1800, binds_itself=True)
def tell_usage_of_days(hospital: str) -> None:
    """Tell the centre how much the hospital was used, by day."""
    tell_usage(hospital)


@every(seconds=3600, due=has_old_events)
@job("prune_outbox", queue="hospital", for_hospital=True, timeout_seconds=900, once_within=600, binds_itself=True)
def prune_outbox(hospital: str) -> None:
    """Empty the outbox behind the slowest consumer."""
    prune_events(hospital)


@every(seconds=3600, due=is_reconciliation_due)
@job("reconcile_index", queue="long", for_hospital=True, timeout_seconds=3600, once_within=3600, binds_itself=True)
def reconcile_index(hospital: str) -> None:
    """Compare the index with the hospital's patients, and mend what has drifted."""
    reconcile(system_actor("schedule"), hospital)
