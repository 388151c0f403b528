"""Making the months of the append-only logs ahead of time, in the central database and in every hospital's."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.queue import job
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.jobs.schedule import every
from app.tenancy.models import PlatformAuditEntry

DAY = 86_400
MONTHS_AHEAD = 3


@every(seconds=DAY)
@job("ensure_platform_log_partitions", queue="fleet", for_hospital=False)
def ensure_platform_log_partitions() -> None:
    """Make the coming months of the platform's audit log."""
    _make_partitions(PlatformAuditEntry)


@every(seconds=DAY)
@job("ensure_log_partitions", queue="hospital", for_hospital=True)
def ensure_log_partitions() -> None:
    """Make the coming months of a hospital's audit and access logs."""
    _make_partitions(AuditEntry)


def _make_partitions(log: type[AuditEntry] | type[PlatformAuditEntry]) -> None:
    with unit_of_work() as session:
        session.execute(sa.select(sa.func.vien_make_log_partitions(MONTHS_AHEAD)), bind_arguments={"mapper": log})
