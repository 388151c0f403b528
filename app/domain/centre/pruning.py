"""Emptying a hospital's outbox of what everybody has heard, as far as the centre itself says that it has."""

from __future__ import annotations

from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit import pruning
from app.domain.audit.delivery import SINCE
from app.tenancy.binding import bind_hospital, bound_hospital, has_revision, tenancy
from app.tenancy.sync import find_heard

log = get_logger(__name__)


def has_old_events() -> bool:
    """Where the outbox holds a thousand events that everybody has heard of."""
    return has_revision(SINCE) and pruning.is_long(find_heard(bound_hospital().id).position)


def prune_events(code: str) -> int:
    """Delete what everybody has heard of for a day; return how many events."""
    with unit_of_work():
        position = find_heard(tenancy().registry.get_by_code(code).id).position
    with bind_hospital(code):
        if not has_revision(SINCE):
            return 0
        with unit_of_work():
            pruning.note_centre(position)
        pruned = pruning.prune_outbox()
    if pruned:
        log.info("outbox pruned", hospital=code, events=pruned)
    return pruned
