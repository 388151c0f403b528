"""How long a request about personal data may take. Pure arithmetic; what a hospital has set shorter or longer wins.

Decree 356/2025/NĐ-CP, in force since 1 January 2026 with Law 91/2025/QH15, replaces the 72 hours of Decree 13/2023:
a reply within 2 working days; then 10 days to show, correct or hand over data, 15 to restrict or stop using it, 20 to
erase it; one extension, with its reason said to the patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.privacy.models import RequestKind

REPLY_WORKING_DAYS = 2
LONGEST_DAYS = 90
DAYS: dict[RequestKind, int] = {
    RequestKind.ACCESS: 10,
    RequestKind.EXPORT: 10,
    RequestKind.RECTIFICATION: 10,
    RequestKind.RESTRICTION: 15,
    RequestKind.OBJECTION: 15,
    RequestKind.ERASURE: 20,
}
EXTENSION_DAYS: dict[RequestKind, int] = {
    RequestKind.ACCESS: 10,
    RequestKind.EXPORT: 10,
    RequestKind.RECTIFICATION: 10,
    RequestKind.RESTRICTION: 15,
    RequestKind.OBJECTION: 15,
    RequestKind.ERASURE: 20,
}
SATURDAY = 5
BREACH_HOURS = 72  # Law 91/2025/QH15, article 23


def days_for(kind: RequestKind, set_by_hospital: Mapping[str, Any] | None) -> int:
    """Return how many days a request may take; what a hospital has set counts where it makes sense."""
    chosen = (set_by_hospital or {}).get(kind.value)
    return chosen if isinstance(chosen, int) and 1 <= chosen <= LONGEST_DAYS else DAYS[kind]


def due_at(kind: RequestKind, received_at: datetime, set_by_hospital: Mapping[str, Any] | None = None) -> datetime:
    """Return when a request has to be done."""
    return received_at + timedelta(days=days_for(kind, set_by_hospital))


def reply_by(received_at: datetime, zone: ZoneInfo) -> datetime:
    """Return the end of the second working day after the one on which a request came; Saturday and Sunday are none."""
    day, left = received_at.astimezone(zone), REPLY_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        if day.weekday() < SATURDAY:
            left -= 1
    return day.replace(hour=23, minute=59, second=59, microsecond=0)
