"""Who is told of results: the ordering doctor, of critical values and of corrections."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.domain.audit.consumers import consumer
from app.domain.audit.outbox import PlacedEvent
from app.domain.laboratory.errors import SINCE
from app.domain.notices.operations import Notice, notify
from app.tenancy.binding import has_revision

TOLD = frozenset({"lab_report.critical", "lab_report.correct"})


@consumer("laboratory", kinds=TOLD, from_now=True)
def tell_who_ordered(events: Sequence[PlacedEvent]) -> None:
    """Notify whoever ordered a test; where a correction is critical, both are said."""
    if not has_revision(SINCE):
        return
    notify(
        Notice(UUID(event.payload["ordered_by"]), event.id, event.kind, "lab_report", event.subject_id)
        for event in events
        if event.payload.get("ordered_by")
    )
