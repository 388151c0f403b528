"""Data protection by itself: copies are made and end, erasures are performed, what nothing refers to is destroyed."""

from __future__ import annotations

from app.core.actor import system_actor
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.files.keeping import destroy_left_files
from app.domain.privacy.erasing import JOB as ERASE
from app.domain.privacy.exports import JOB, end_old_exports, have_exports_due, make_due_exports
from app.domain.privacy.performing import have_erasures_due, perform_due_erasures
from app.domain.privacy.requests import have_overdue, report_overdue
from app.domain.privacy.retention import JOB as PURGE
from app.domain.privacy.retention import have_purges_due, perform_due_purges, propose_expired
from app.jobs.schedule import every


@every(seconds=300, due=have_overdue)
@job("report_overdue_requests", queue="hospital", for_hospital=True, once_within=60)
def report_overdue_requests() -> None:
    """Raise a security event for each request about personal data that is overdue."""
    with unit_of_work():
        report_overdue(system_actor("requests about data"))


@every(seconds=60, due=have_exports_due)
@job(JOB, queue="long", for_hospital=True, timeout_seconds=600, once_within=30)
def make_own_exports() -> None:
    """Make the copies of their data that patients have asked for, and destroy those that have stood their time."""
    end_old_exports()
    make_due_exports()


@every(seconds=60, due=have_erasures_due)
@job(ERASE, queue="long", for_hospital=True, timeout_seconds=600, once_within=30)
def perform_erasures() -> None:
    """Perform what two people have decided to erase, and destroy the files of it."""
    perform_due_erasures()


@every(seconds=60, due=have_purges_due)
@job(PURGE, queue="long", for_hospital=True, timeout_seconds=3600, once_within=30)
def perform_purges() -> None:
    """Delete what a person has confirmed, and certify it."""
    perform_due_purges()
    destroy_left_files()


@every(seconds=86_400)
@job("destroy_left_files", queue="long", for_hospital=True, timeout_seconds=3600, once_within=3600)
def destroy_left() -> None:
    """Destroy the content of files that were taken away, and files that never came to belong to anything."""
    destroy_left_files()


@every(seconds=7 * 86_400)
@job("propose_purges", queue="long", for_hospital=True, timeout_seconds=600, once_within=3600)
def propose_purges() -> None:
    """Propose, without deleting anything, what is past its time."""
    with unit_of_work():
        propose_expired(system_actor("retention"))
