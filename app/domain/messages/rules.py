"""When patients are reminded of an appointment, and how patiently a message is tried. Pure data and arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """A reminder so long before the appointment."""

    code: str
    before: timedelta


RULES: tuple[ReminderRule, ...] = (
    ReminderRule("1_day", timedelta(days=1)),
    ReminderRule("2_hours", timedelta(hours=2)),
)

ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=30)

# How long a message that a worker has taken stays its own. Who died with it before the point of no return gives it
# back thus; who died behind that point leaves a message of which nobody knows whether it was accepted.
CLAIM = timedelta(seconds=90)


def due_times(starts_at: datetime, now: datetime, rules: Sequence[ReminderRule] = RULES) -> list[tuple[str, datetime]]:
    """Return which reminders an appointment gets and when: those whose time has not passed yet."""
    times = [(rule.code, starts_at - rule.before) for rule in rules]
    return [(code, due_at) for code, due_at in times if due_at > now]


def pause_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts (30 s, 2, 8, 32 min), or None to give up."""
    return None if attempts >= ATTEMPTS else FIRST_PAUSE * 4 ** (attempts - 1)
