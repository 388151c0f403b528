"""Which backups are kept: the newest of each day, week, month and year, so many of each, and some whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.tenancy.backups.policies import Policy


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete backup as retention sees it. Days are those of UTC."""

    id: UUID
    taken_at: datetime
    proven: bool = False
    pinned_until: datetime | None = None


PERIODS: tuple[tuple[str, Callable[[datetime], Any]], ...] = (
    ("keep_daily", lambda at: at.date()),
    ("keep_weekly", lambda at: at.isocalendar()[:2]),
    ("keep_monthly", lambda at: (at.year, at.month)),
    ("keep_yearly", lambda at: at.year),
)


def choose_kept(backups: Iterable[Kept], policy: Policy, now: datetime) -> set[UUID]:
    """Return which complete backups of one hospital stay; the newest, and the newest proven one, always do."""
    newest_first = sorted(backups, key=lambda backup: (backup.taken_at, backup.id), reverse=True)
    kept = {backup.id for backup in newest_first if backup.pinned_until is not None and backup.pinned_until > now}
    kept |= {backup.id for backup in newest_first[:1]}
    kept |= {backup.id for backup in [one for one in newest_first if one.proven][:1]}
    for name, period_of in PERIODS:
        seen: set[Any] = set()
        for backup in newest_first:
            period = period_of(backup.taken_at)
            if period not in seen and len(seen) < getattr(policy, name):
                seen.add(period)
                kept.add(backup.id)
    return kept
