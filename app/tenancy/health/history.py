"""What pages show of health: days in bars, and how everything does now; always a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from app.core import clock
from app.core.db import db
from app.tenancy.health.reading import SERVICE
from app.tenancy.models import HealthCheck, Hospital, UptimeDay

GOOD = 0.999
FAIR = 0.99


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one service; `row` is None for a day of which nothing is known."""

    day: date
    row: Any = None

    @property
    def uptime(self) -> float | None:
        """The part of the checks that were answered, slowly or not."""
        return None if self.row is None else (self.row.up + self.row.degraded) / self.row.checks

    @property
    def tone(self) -> str:
        """How good the day was: success, warning, danger, or none."""
        if self.row is None or self.uptime is None:
            return "none"
        if self.uptime >= GOOD:
            return "success" if self.row.degraded <= self.row.checks * (1 - FAIR) else "warning"
        return "warning" if self.uptime >= FAIR else "danger"


@dataclass(frozen=True, slots=True)
class History:
    """The days of one service, the oldest first."""

    days: tuple[Day, ...]

    @property
    def uptime(self) -> float | None:
        """The part of all checks that were answered."""
        known = [day.row for day in self.days if day.row is not None]
        checks = sum(row.checks for row in known)
        return sum(row.up + row.degraded for row in known) / checks if checks else None

    @property
    def p95_ms(self) -> float | None:
        """The slowest day's 95th percentile."""
        return max((day.row.p95_ms for day in self.days if day.row is not None and day.row.p95_ms), default=None)


def histories(hospital_ids: Sequence[UUID], days: int) -> dict[UUID, History]:
    """Return the last days of hospitals' databases."""
    rows = _rows(days, UptimeDay.hospital_id.in_(hospital_ids), UptimeDay.service == SERVICE)
    return {one: _history([row for row in rows if row.hospital_id == one], days) for one in hospital_ids}


def service_histories(days: int) -> dict[str, History]:
    """Return the last days of the platform's own services."""
    rows = _rows(days, UptimeDay.hospital_id.is_(None))
    names = sorted({row.service for row in rows})
    return {name: _history([row for row in rows if row.service == name], days) for name in names}


def newest_checks(hospital_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Return each hospital's newest check."""
    newest = (
        sa.select(HealthCheck.status, HealthCheck.response_ms, HealthCheck.details, HealthCheck.checked_at)
        .where(HealthCheck.hospital_id == Hospital.id, HealthCheck.service == SERVICE)
        .order_by(HealthCheck.checked_at.desc())
        .limit(1)
        .lateral()
    )
    query = sa.select(Hospital.id, newest).select_from(Hospital).join(newest, sa.true())
    return {row.id: row for row in db.session.execute(query.where(Hospital.id.in_(hospital_ids)))}


def newest_services() -> Sequence[Any]:
    """Return the newest check of each of the platform's own services of the last day."""
    check = HealthCheck
    query = (
        sa.select(check.service, check.status, check.response_ms, check.details, check.error, check.checked_at)
        .where(check.hospital_id.is_(None), check.checked_at > clock.now() - timedelta(days=1))
        .ext(distinct_on(check.service))
        .order_by(check.service, check.checked_at.desc())
    )
    return db.session.execute(query).all()


def _rows(days: int, *wanted: sa.ColumnElement[bool]) -> Sequence[Any]:
    query = sa.select(
        UptimeDay.hospital_id,
        UptimeDay.service,
        UptimeDay.day,
        UptimeDay.checks,
        UptimeDay.up,
        UptimeDay.degraded,
        UptimeDay.down,
        UptimeDay.mean_ms,
        UptimeDay.p95_ms,
        UptimeDay.longest_ms,
        UptimeDay.size_bytes,
    ).where(UptimeDay.day > _today() - timedelta(days=days), *wanted)
    return db.session.execute(query).all()


def _history(rows: Sequence[Any], days: int) -> History:
    by_day = {row.day: row for row in rows}
    first = _today() - timedelta(days=days - 1)
    return History(tuple(Day(day, by_day.get(day)) for day in (first + timedelta(days=n) for n in range(days))))


def _today() -> date:
    return clock.now().astimezone(UTC).date()
