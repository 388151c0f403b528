"""Bringing hospitals what came with a release: new permissions, for the roles that they are meant for."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.presets import give_new_permissions, has_new_permissions
from app.jobs.schedule import every

log = get_logger(__name__)


@every(seconds=3600, due=has_new_permissions)
@job("give_new_permissions", queue="hospital", for_hospital=True, once_within=600)
def bring_new_permissions() -> None:
    """Make new permissions known to a hospital and give them to its preset roles."""
    with unit_of_work():
        given = give_new_permissions()
    if given:
        log.info("new permissions", permissions=sorted(given))
