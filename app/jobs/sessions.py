"""Forgetting sessions that ended months ago."""

from __future__ import annotations

from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.identity.browsers import PRUNED_AT_ONCE, forget_old_sessions
from app.jobs.schedule import every

DAY = 86_400


@every(seconds=DAY)
@job("forget_old_operator_sessions", queue="fleet", for_hospital=False)
def forget_old_operator_sessions() -> None:
    """Delete operators' sessions that ended months ago."""
    _forget("admin")


@every(seconds=DAY)
@job("forget_old_hospital_sessions", queue="hospital", for_hospital=True)
def forget_old_hospital_sessions() -> None:
    """Delete sessions of a hospital's staff and patients that ended months ago."""
    _forget("hospital")
    _forget("patient")


def _forget(portal: str) -> None:
    """Delete some at once, each lot in a unit of work of its own, until none is left."""
    gone = PRUNED_AT_ONCE
    while gone == PRUNED_AT_ONCE:
        with unit_of_work():
            gone = forget_old_sessions(portal)
