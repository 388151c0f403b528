"""Reminding patients: what is due becomes a message of the ledger, and the ledger is delivered."""

from __future__ import annotations

from app.core.queue import enqueue, job
from app.core.unit_of_work import unit_of_work
from app.domain.messages import fallbacks  # noqa: F401 (it hears of messages that are given up)
from app.domain.messages.delivery import deliver_due, have_messages_due
from app.domain.messages.due_reminders import AT_ONCE, have_reminders_due, queue_due_reminders
from app.domain.messages.gateway_store import hospital_transports
from app.domain.messages.replanning import REPLAN, cancel_without_rule, replan_some
from app.jobs.schedule import every
from app.tenancy.binding import bound_hospital


@every(seconds=15, due=have_reminders_due)
@job("send_due_reminders", queue="hospital", for_hospital=True, once_within=30)
def send_due_reminders() -> None:
    """Turn the hospital's due reminders into messages, and have them delivered."""
    queued = 0
    while True:
        with unit_of_work():
            taken = queue_due_reminders()
        queued += taken
        if taken < AT_ONCE:
            break
    if queued:
        enqueue("deliver_messages", hospital=bound_hospital().code)


@every(seconds=15, due=have_messages_due)
@job("deliver_messages", queue="hospital", for_hospital=True, timeout_seconds=600, once_within=30)
def deliver_messages() -> None:
    """Send the hospital's messages that are due."""
    with unit_of_work():
        transports = hospital_transports()
    deliver_due(transports)


@job(REPLAN, queue="hospital", for_hospital=True, timeout_seconds=900, once_within=30)
def replan_reminders() -> None:
    """Plan the reminders of all visits to come anew, after the hospital changed its rules."""
    with unit_of_work():
        cancel_without_rule()
    last = None
    while True:
        with unit_of_work():
            last = replan_some(last)
        if last is None:
            break
