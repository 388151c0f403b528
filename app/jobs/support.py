"""Telling hospitals that operators asked for support access, or took it back."""

from __future__ import annotations

from app.core.queue import job
from app.domain.support.carrying import carry_requests, has_news
from app.jobs.schedule import every
from app.tenancy.support import CARRY


@every(seconds=30, due=has_news)
@job(CARRY, queue="hospital", for_hospital=True, timeout_seconds=60, once_within=10, binds_itself=True)
def carry_support_requests(hospital: str) -> None:
    """Carry what was asked of a hospital into it."""
    carry_requests(hospital)
