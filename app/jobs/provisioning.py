"""Making hospitals that operators asked for: at once when a job says so, and by a sweep when no job could be queued."""

from __future__ import annotations

from datetime import timedelta

from app.core import clock
from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.jobs.schedule import every
from app.tenancy.administration import administered_cluster, platform_keyring
from app.tenancy.provisioning import provision_hospital
from app.tenancy.queries import list_provisioning_due

log = get_logger(__name__)

ACTOR = system_actor("provisioning")
REST_AFTER_FAILURE = timedelta(minutes=5)


@job("provision_hospital", queue="fleet", for_hospital=False)
def provision(code: str) -> None:
    """Make one hospital, or go on where an earlier try stopped."""
    provision_hospital(ACTOR, code, cluster=administered_cluster(), keyring=platform_keyring())


@every(seconds=10)
@job("provision_unfinished", queue="fleet", for_hospital=False, timeout_seconds=1800, once_within=30)
def provision_unfinished() -> None:
    """Make every hospital that waits; one that fails is left alone for a while and holds up none of the others."""
    with unit_of_work():
        waiting = list_provisioning_due(clock.now() - REST_AFTER_FAILURE)
    for code in waiting:
        try:
            provision(code)
        except Exception as error:
            log.error("provisioning failed", hospital=code, exc_info=error)
