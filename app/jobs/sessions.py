"""Forgetting sessions that ended months ago."""

from __future__ import annotations

from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.identity.browsers import forget_old_sessions
from app.jobs.schedule import every

DAY = 86_400


@every(seconds=DAY)
@job("forget_old_operator_sessions", queue="fleet", for_hospital=False)
def forget_old_operator_sessions() -> None:
    """Delete operators' sessions that ended months ago."""
    with unit_of_work():
        forget_old_sessions("admin")


@every(seconds=DAY)
@job("forget_old_hospital_sessions", queue="hospital", for_hospital=True)
def forget_old_hospital_sessions() -> None:
    """Delete sessions of a hospital's staff and patients that ended months ago."""
    for portal in ("hospital", "patient"):
        with unit_of_work():
            forget_old_sessions(portal)
