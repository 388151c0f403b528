"""Writing down what a request did or tried that touches security: in the bound hospital, else in the centre."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from flask import g, request

from app.core.logging import get_logger
from app.core.risks import Risk
from app.domain.security.events import record_security_event
from app.tenancy.binding import find_bound_hospital
from app.tenancy.security_events import record_platform_security_event
from app.web.principals import current_actor

log = get_logger(__name__)

QUIET_SECONDS = 60.0
MOST_REMEMBERED = 10_000
_noted: dict[tuple[object, ...], float] = {}


def note_security(
    kind: str,
    *,
    subject_type: str | None = None,
    subject_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    risk: Risk | None = None,
    lasting: bool = True,
) -> None:
    """Write an event of this request's portal; in a transaction of its own, unless it is not to last."""
    facts: dict[str, Any] = {"subject_type": subject_type, "subject_id": subject_id, "details": details, "risk": risk}
    portal = g.get("portal")
    if find_bound_hospital() is not None:
        record_security_event(current_actor(), kind, portal=portal, lasting=lasting, **facts)
    else:
        record_platform_security_event(current_actor(), kind, portal=portal, lasting=lasting, **facts)


def note_denied() -> None:
    """Write that somebody who is signed in was refused a page; the same page once a minute in this process."""
    actor = current_actor()
    if actor.id is None:
        return
    now = time.monotonic()
    key = (find_bound_hospital(), actor.id, request.endpoint)
    if now - _noted.get(key, float("-inf")) < QUIET_SECONDS:
        return
    if len(_noted) >= MOST_REMEMBERED:
        _noted.clear()
    _noted[key] = now
    asked = {"endpoint": request.endpoint, "method": request.method}
    note_security("access.denied", subject_type="page", details=asked)
