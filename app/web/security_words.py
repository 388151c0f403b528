"""What risks, alerts and their rules are called on the pages of both portals that show them."""

from __future__ import annotations

from typing import Any

from app.core.i18n import _l

RISKS: dict[str, tuple[Any, str]] = {
    "low": (_l("Low"), "neutral"),
    "medium": (_l("Medium"), "info"),
    "high": (_l("High"), "warning"),
    "critical": (_l("Critical"), "danger"),
}
ALERT_STATES: dict[str, tuple[Any, str]] = {
    "open": (_l("Nobody looks after it"), "danger"),
    "taken": (_l("Being looked after"), "info"),
    "resolved": (_l("Resolved"), "success"),
}
GROUPINGS: dict[str, Any] = {
    "actor": _l("each person who did it"),
    "subject": _l("each account it was about"),
    "address": _l("each network address"),
    "hospital": _l("each hospital"),
    "everything": _l("all together"),
}
ACTORS: dict[str, Any] = {
    "operator": _l("Operator"),
    "staff": _l("Staff"),
    "patient": _l("Patient"),
    "system": _l("Not signed in, or the system"),
}
PERIODS: tuple[tuple[str, Any], ...] = (
    ("1", _l("The last day")),
    ("7", _l("The last 7 days")),
    ("30", _l("The last 30 days")),
    ("365", _l("The last year")),
)
