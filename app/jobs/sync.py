"""The sync worker: hears each hospital when it says that something happened, and looks by itself otherwise."""

from __future__ import annotations

from app.core.queue import job
from app.domain.centre.sync import has_news, synchronise
from app.jobs.schedule import every


@every(seconds=5, due=has_news)
@job("sync_hospital", queue="hospital", for_hospital=True, timeout_seconds=300, once_within=10, binds_itself=True)
def sync_hospital(hospital: str) -> None:
    """Carry everything that waits in a hospital to the centre."""
    synchronise(hospital)
