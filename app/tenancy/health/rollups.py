"""Days in one row, kept for years: made of the raw checks before these are pruned. Days are those of UTC.

One fleet has one calendar: a hospital's own zone would make days of a server and of its hospitals differ.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import HealthCheck, HealthStatus, RunStatus, SyncRun, UptimeDay

RAW_DAYS = 7
RUN_DAYS = 30


def roll_up() -> int:
    """Bring the days up to date: those that have raw checks and were not whole when they were made last.

    Safe to repeat, and a day that was missed is made up for as long as its raw checks are there. Returns how many days.
    """
    with unit_of_work() as session:
        oldest = session.scalar(sa.select(sa.func.min(HealthCheck.checked_at)))
        made = session.scalar(sa.select(sa.func.max(UptimeDay.day)))
    if oldest is None:
        return 0
    first = max(_day_of(oldest), made) if made else _day_of(oldest)
    last = _day_of(clock.now())
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for day in days:
        roll_up_day(day)
    return len(days)


def roll_up_day(day: date) -> None:
    """Write or correct the rows of one day from its raw checks."""
    check = HealthCheck
    begin = datetime.combine(day, time(), UTC)
    facts: dict[str, sa.ColumnElement[Any]] = {
        "id": sa.func.gen_random_uuid(),
        "hospital_id": check.__table__.c.hospital_id,
        "service": check.__table__.c.service,
        "day": sa.literal(day, sa.Date),
        "checks": sa.func.count(),
        **{status.value: sa.func.count().filter(check.status == status) for status in HealthStatus},
        "mean_ms": sa.func.avg(check.response_ms),
        "p95_ms": sa.func.percentile_cont(0.95).within_group(check.response_ms),
        "longest_ms": sa.func.max(check.response_ms),
        "size_bytes": sa.func.max(check.details["size_bytes"].astext.cast(sa.BigInteger)),
    }
    columns: list[Any] = [expression.label(name) for name, expression in facts.items()]
    rows = (
        sa.select(*columns)
        .where(check.checked_at >= begin, check.checked_at < begin + timedelta(days=1))
        .group_by(check.hospital_id, check.service)
    )
    statement = insert(UptimeDay).from_select(list(facts), rows)
    kept = ("id", "hospital_id", "service", "day")
    with unit_of_work() as session:
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["hospital_id", "service", "day"],
                set_={name: statement.excluded[name] for name in facts if name not in kept},
            )
        )


def prune_checks() -> None:
    """Drop the raw checks of whole days that are older than a week, once these days are kept in one row each."""
    before = datetime.combine(_day_of(clock.now()) - timedelta(days=RAW_DAYS), time(), UTC)
    old = HealthCheck.checked_at < before
    with unit_of_work() as session:
        oldest = session.scalar(sa.select(sa.func.min(HealthCheck.checked_at)).where(old))
    if oldest is None:
        return
    for number in range((before.date() - _day_of(oldest)).days):
        _keep_day(_day_of(oldest) + timedelta(days=number))
    with unit_of_work() as session:
        session.execute(sa.delete(HealthCheck).where(old))


def prune_runs() -> int:
    """Drop old sync runs, but each hospital's newest one and the newest that succeeded."""
    run, newer = SyncRun, sa.orm.aliased(SyncRun)
    same = sa.and_(newer.hospital_id == run.hospital_id, newer.started_at > run.started_at)
    outdone = sa.exists().where(same, sa.or_(run.status != RunStatus.SUCCEEDED, newer.status == RunStatus.SUCCEEDED))
    dropped = sa.delete(run).where(run.started_at < clock.now() - timedelta(days=RUN_DAYS), outdone)
    with unit_of_work() as session:
        return int(session.execute(dropped.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _keep_day(day: date) -> None:
    """Make a day's rows from raw checks that are about to go, unless they were made while they were whole."""
    with unit_of_work() as session:
        after = sa.select(sa.exists().where(UptimeDay.day > day))
        if session.scalar(after) and session.scalar(sa.select(sa.exists().where(UptimeDay.day == day))):
            return
    roll_up_day(day)


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
