"""Making the months of the append-only logs ahead of time, in the central database and in every hospital's.

A row that finds no month goes into the default partition: nothing is lost, but it cannot be retired with its month and
the month cannot be made any more. That is an alarm, not a state to live with.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from app.core.actor import system_actor
from app.core.db import db
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.queue import job
from app.core.risks import Risk
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.security.events import record_security_event
from app.jobs.schedule import every
from app.tenancy.models import PlatformAuditEntry
from app.tenancy.security_events import record_platform_security_event
from app.tenancy.security_kinds import declare_kind

log = get_logger(__name__)

DAY = 86_400
MONTHS_AHEAD = 6
ACTOR = system_actor("partitions of the logs")
Log = type[AuditEntry] | type[AccessEntry] | type[PlatformAuditEntry]
STRAY = declare_kind("audit.stray_rows", _l("Log rows outside every month"), Risk.HIGH)


@every(seconds=DAY)
@job("ensure_platform_log_partitions", queue="fleet", for_hospital=False)
def ensure_platform_log_partitions() -> None:
    """Make the coming months of the platform's audit log."""
    if stray := _list_with_strays((PlatformAuditEntry,)):
        with unit_of_work():
            record_platform_security_event(ACTOR, STRAY, subject_type="log", details={"logs": stray})
    _make_partitions(PlatformAuditEntry)


@every(seconds=DAY)
@job("ensure_log_partitions", queue="hospital", for_hospital=True)
def ensure_log_partitions() -> None:
    """Make the coming months of a hospital's audit and access logs."""
    if stray := _list_with_strays((AuditEntry, AccessEntry)):
        with unit_of_work():
            record_security_event(ACTOR, STRAY, subject_type="log", details={"logs": stray})
    _make_partitions(AuditEntry)


def _make_partitions(model: Log) -> None:
    with unit_of_work() as session:
        session.execute(sa.select(sa.func.vien_make_log_partitions(MONTHS_AHEAD)), bind_arguments={"mapper": model})


def _list_with_strays(models: Sequence[Log]) -> list[str]:
    """Return the logs with rows in the default partition: PostgreSQL looks nowhere else for such times."""
    with unit_of_work():
        found = [model.__tablename__ for model in models if _has_strays(model)]
    if found:
        log.error("log rows stand outside every month", logs=found)
    return found


def _has_strays(model: Log) -> bool:
    months = sa.select(
        sa.func.min(sa.text("to_date(right(relname, 7), 'YYYY_MM')")),
        sa.func.max(sa.text("to_date(right(relname, 7), 'YYYY_MM')")),
    )
    children = months.select_from(sa.text("pg_inherits JOIN pg_class ON pg_class.oid = inhrelid")).where(
        sa.text(f"inhparent = '{model.__tablename__}'::regclass AND relname ~ '_[0-9]{{4}}_[0-9]{{2}}$'")
    )
    first, last = db.session.execute(children, bind_arguments={"mapper": model}).one()
    if first is None:
        return False
    begin = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = datetime(last.year + last.month // 12, last.month % 12 + 1, 1, tzinfo=UTC)
    outside = sa.select(model.id).where(sa.or_(model.at < begin, model.at >= end)).exists()
    return bool(db.session.scalar(sa.select(outside)))
