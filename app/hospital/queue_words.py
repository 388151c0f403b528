"""The words in which the portal speaks of queues."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.queueing.models import Priority

PRIORITY: dict[Priority, Text] = {
    Priority.EMERGENCY: _l("Emergency"),
    Priority.PREFERRED: _l("Preferred"),
    Priority.ORDINARY: _l("Ordinary"),
}
PRIORITY_TONE: dict[Priority, str] = {
    Priority.EMERGENCY: "danger",
    Priority.PREFERRED: "warning",
    Priority.ORDINARY: "neutral",
}
