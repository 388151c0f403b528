"""Telling the open pages that follow long work that something changed; which have to ask what."""

from __future__ import annotations

import time
from uuid import UUID

from app.core.live import publish
from app.tenancy.binding import bound_hospital

TOPIC = "longwork"
EVERY_SECONDS = 0.5


class Teller:
    """Tells of one piece of work; of many batches some, since each page reads the present state."""

    def __init__(self) -> None:
        self._told_at = float("-inf")

    def tell(self, work_id: UUID, *, seldom: bool = False) -> None:
        """Tell that it changed."""
        now = time.monotonic()
        if not seldom or now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            tell(work_id)


def tell(work_id: UUID) -> None:
    """Tell that a piece of the bound hospital's long work changed."""
    publish(TOPIC, hospital=bound_hospital().code, key=work_id)
