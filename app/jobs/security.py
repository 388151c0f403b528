"""Watching over security: alerts from events, in the centre and in each hospital."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.security.many_records import find_many_records
from app.domain.security.watching import HOSPITAL, has_something_to_watch
from app.jobs.schedule import every
from app.tenancy.alerts.raising import raise_alerts
from app.tenancy.alerts.watched import CENTRE

log = get_logger(__name__)


@every(seconds=60)
@job("watch_platform_security", queue="fleet", for_hospital=False, once_within=120)
def watch_platform_security() -> None:
    """Raise, escalate and end the operators' alerts."""
    with unit_of_work():
        done = raise_alerts(CENTRE)
    if done.total():
        log.info("alerts looked after", **done)


@every(seconds=60, due=has_something_to_watch)
@job("watch_security", queue="hospital", for_hospital=True, once_within=120)
def watch_security() -> None:
    """Notice who opens many records, and raise, escalate and end a hospital's alerts."""
    with unit_of_work():
        find_many_records()
    with unit_of_work():
        done = raise_alerts(HOSPITAL)
    if done.total():
        log.info("alerts looked after", **done)
