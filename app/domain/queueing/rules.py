"""Who is called before others: by what the desk says, else by age. Pure; the hospital may set the ages.

Without a word of the hospital's: patients from 75 years on and children below 6 come before others, as the law on
examination and treatment asks (Luật Khám bệnh, chữa bệnh 15/2023/QH15, on the order of care).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from app.core.formats.dates import years_between
from app.domain.queueing.models import Priority, TicketState

CALLABLE = frozenset({TicketState.WAITING, TicketState.CALLED, TicketState.MISSED})
OPEN = frozenset({TicketState.WAITING, TicketState.CALLED})
LONG_WAIT = timedelta(minutes=45)
RANKS = {Priority.EMERGENCY: 0, Priority.PREFERRED: 1, Priority.ORDINARY: 2}


@dataclass(frozen=True, slots=True)
class QueueRules:
    """From and below which age patients are called before others."""

    preferred_from_age: int = 75
    preferred_below_age: int = 6


def priority_by_age(born_on: date, day: date, rules: QueueRules) -> Priority:
    """Return the priority of somebody of whom the desk says nothing particular."""
    age = years_between(born_on, day)
    if age >= rules.preferred_from_age or age < rules.preferred_below_age:
        return Priority.PREFERRED
    return Priority.ORDINARY


def ticket_code(department_code: str, number: int) -> str:
    """Return what stands on the screen and is said aloud: `NOI 012`."""
    return f"{department_code} {number:03d}"


def read_priority(typed: str) -> Priority | None:
    """Return the priority that was chosen, or None where none was."""
    try:
        return Priority(typed)
    except ValueError:
        return None
