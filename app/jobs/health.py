"""Looking after the hospitals' databases: how they answer, written down for the operators."""

from __future__ import annotations

from collections import Counter

from app.core.logging import get_logger
from app.core.queue import job
from app.jobs.schedule import every
from app.tenancy.health import check_all
from app.tenancy.health.rollups import prune_runs, roll_up

log = get_logger(__name__)


@every(seconds=60)
@job("check_health", queue="fleet", for_hospital=False, once_within=120)
def check_health() -> None:
    """Check every hospital's database and write down how it answered."""
    readings = check_all()
    log.info("health checked", **Counter(reading.status.value for reading in readings))


@every(seconds=3600)
@job("roll_up_health", queue="fleet", for_hospital=False, once_within=3600)
def roll_up_health() -> None:
    """Bring the daily rows up to date, and drop old sync runs."""
    log.info("health rolled up", days=roll_up(), runs_dropped=prune_runs())
