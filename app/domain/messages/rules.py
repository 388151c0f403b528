"""When patients are reminded of an appointment, and how patiently a message is tried. Pure data and arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from app.domain.messages.quiet import QuietHours

DAY, HOUR = 1440, 60


@dataclass(frozen=True, slots=True)
class Rule:
    """A reminder so long before the appointment."""

    minutes: int

    @property
    def code(self) -> str:
        """Name the rule as reminders and messages do: `3_days`, `1_day`, `2_hours`, `45_minutes`."""
        for unit, size in (("day", DAY), ("hour", HOUR), ("minute", 1)):
            if self.minutes % size == 0:
                count = self.minutes // size
                return f"{count}_{unit}{'s' if count > 1 else ''}"
        raise AssertionError

    def due_at(self, starts_at: datetime, zone: tzinfo) -> datetime:
        """Return when it is due: days are counted on the hospital's clocks, so that the hour is the appointment's."""
        if self.minutes % DAY == 0:
            local = starts_at.astimezone(zone)
            return (local - timedelta(days=self.minutes // DAY)).astimezone(UTC)
        return starts_at - timedelta(minutes=self.minutes)


def minutes_of(code: str) -> int | None:
    """Return how long before the appointment a rule's code says, or None for one that says nothing."""
    count, _, unit = code.partition("_")
    size = {"day": DAY, "hour": HOUR, "minute": 1}.get(unit.removesuffix("s"))
    return int(count) * size if count.isdecimal() and size else None


RULES: tuple[Rule, ...] = (Rule(DAY), Rule(2 * HOUR))

# A reminder that quiet hours postpone to less than this before the appointment is sent ahead of them instead.
LEAST_NOTICE = timedelta(minutes=30)

ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=30)

# How long a message that a worker has taken stays its own. Who died with it before the point of no return gives it
# back thus; who died behind that point leaves a message of which nobody knows whether it was accepted.
CLAIM = timedelta(seconds=90)


def due_times(
    starts_at: datetime,
    now: datetime,
    rules: Sequence[Rule] = RULES,
    *,
    quiet: QuietHours | None = None,
    zone: tzinfo = UTC,
) -> list[tuple[str, datetime]]:
    """Return which reminders an appointment gets and when: those whose time has not passed yet, none in quiet hours."""
    times = []
    for rule in rules:
        due_at = rule.due_at(starts_at, zone)
        placed = out_of_quiet_hours(due_at, starts_at, quiet, zone) if due_at > now else None
        if placed is not None and placed > now:
            times.append((rule.code, placed))
    return times


def out_of_quiet_hours(due_at: datetime, starts_at: datetime, quiet: QuietHours | None, zone: tzinfo) -> datetime:
    """Return the next moment at which people may be written to, or the one before where that were too late."""
    if quiet is None:
        return due_at
    later = quiet.over_at(due_at, zone)
    return later if later <= starts_at - LEAST_NOTICE or later == due_at else quiet.ahead_of(due_at, zone)


def pause_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts (30 s, 2, 8, 32 min), or None to give up."""
    return None if attempts >= ATTEMPTS else FIRST_PAUSE * 4 ** (attempts - 1)
