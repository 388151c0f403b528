"""The platform's audit log: written in the transaction of what it speaks of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import clock
from app.core.actor import Actor
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
    session.execute(
        sa.insert(PlatformAuditEntry),
        {
            "id": new_id(),
            "at": clock.now(),
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "action": action,
            "hospital_id": hospital_id,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "changes": changes or {},
            "risk": risk,
            "address": actor.address,
            "request_id": actor.request_id,
        },
    )
