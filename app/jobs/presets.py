"""Bringing hospitals what came with a release: new permissions for the roles that they are meant for, and new roles."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.presets import give_new_permissions, has_new_presets, seed_roles
from app.jobs.schedule import every

log = get_logger(__name__)


@every(seconds=3600, due=has_new_presets)
@job("give_new_permissions", queue="hospital", for_hospital=True, once_within=600)
def bring_new_permissions() -> None:
    """Make new permissions known to a hospital and give them to its preset roles; make the preset roles it lacks."""
    with unit_of_work():
        given, roles = give_new_permissions(), seed_roles()
    if given or roles:
        log.info("new presets", permissions=sorted(given), roles=roles)
