"""The platform's audit log: written in the transaction of what it speaks of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import clock
from app.core.actor import Actor
from app.core.db import WHILE_READING, db
from app.core.ids import new_id
from app.tenancy.models import PlatformAuditEntry


def record_platform_change(
    session: Session,
    actor: Actor,
    action: str,
    *,
    subject_type: str,
    subject_id: UUID | None,
    hospital_id: UUID | None = None,
    changes: dict[str, Any] | None = None,
    risk: str = "low",
) -> None:
    """Write who did what to which hospital; `changes` holds old and new values, never secrets."""
    values = _who(actor, action) | {
        "hospital_id": hospital_id,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "changes": changes or {},
        "risk": risk,
    }
    session.execute(sa.insert(PlatformAuditEntry), values)


def record_platform_read(actor: Actor, action: str, *, hospital_id: UUID | None = None) -> None:
    """Write down that somebody read the log itself, in a request that may do nothing else than read."""
    values = _who(actor, action) | {
        "hospital_id": hospital_id,
        "subject_type": "log",
        "subject_id": None,
        "changes": {},
        "risk": "low",
    }
    db.session.execute(sa.insert(PlatformAuditEntry).values(values), execution_options=WHILE_READING)


def _who(actor: Actor, action: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "at": clock.now(),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "action": action,
        "address": actor.address,
        "request_id": actor.request_id,
    }
