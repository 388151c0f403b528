"""A hospital's own long work by itself: what waits is performed slice by slice, files that stood their time end."""

from __future__ import annotations

from app.core.queue import enqueue, job
from app.domain.longwork import registered  # noqa: F401 (it knows the kinds)
from app.domain.longwork.claiming import have_work_due
from app.domain.longwork.keeping import end_old_work, have_old_work
from app.domain.longwork.performing import perform_due
from app.domain.longwork.requests import JOB
from app.jobs.schedule import every
from app.tenancy.binding import bound_hospital

SLICE_SECONDS = 60.0


@every(seconds=30, due=have_work_due)
@job(JOB, queue="long", for_hospital=True, timeout_seconds=3600, once_within=30)
def perform_long_work() -> None:
    """Perform a slice of the exports, imports and other long work that the hospital's people asked for."""
    if perform_due(slice_seconds=SLICE_SECONDS):
        enqueue(JOB, hospital=bound_hospital().code)  # behind those of other hospitals


@every(seconds=3600, due=have_old_work)
@job("end_long_work", queue="hospital", for_hospital=True, once_within=300)
def end_long_work() -> None:
    """Destroy the files of long work that have stood their time."""
    end_old_work()
