"""The waiting list: times that became free are offered, and offers that nobody answered come to an end."""

from __future__ import annotations

from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.freeing import OFFER_TIMES
from app.domain.waiting.offering import AT_ONCE, end_late_offers, end_vain_waits, have_offers_to_make, offer_freed_times
from app.jobs.schedule import every


@every(seconds=15, due=have_offers_to_make)
@job(OFFER_TIMES, queue="hospital", for_hospital=True, once_within=30)
def offer_times() -> None:
    """Let late offers be over, then offer each freed time to the next who waits for such a one."""
    with unit_of_work():
        end_late_offers()
    while True:
        with unit_of_work():
            looked_at = offer_freed_times()
        if looked_at < AT_ONCE:
            break


@every(seconds=3600)
@job("end_vain_waits", queue="hospital", for_hospital=True)
def end_waits() -> None:
    """Take off the waiting list who waits for a time that is past."""
    with unit_of_work():
        end_vain_waits()
