"""Hospitals in which a migration failed: they serve at their old revision, and fleet migrations pass them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.tenancy.audit import record_platform_change
from app.tenancy.models import Hospital
from app.tenancy.upgrading.errors import NotQuarantined

QUARANTINE = "hospital.quarantine"
CLEAR = "hospital.clear_quarantine"


def list_quarantined(limit: int = 500) -> Sequence[Any]:
    """Return the hospitals that fleet migrations pass by, the newest first."""
    query = (
        sa.select(
            Hospital.code,
            Hospital.display_name,
            Hospital.schema_revision,
            Hospital.quarantined_at,
            Hospital.quarantine_reason,
        )
        .where(Hospital.quarantined_at.is_not(None))
        .order_by(Hospital.quarantined_at.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def put_in_quarantine(actor: Actor, hospital_id: UUID, reason: str) -> None:
    """Have fleet migrations pass a hospital by, with the reason; it goes on serving."""
    values = {"quarantined_at": clock.now(), "quarantine_reason": reason}
    db.session.execute(sa.update(Hospital).where(Hospital.id == hospital_id).values(**values))
    _record(actor, QUARANTINE, hospital_id, [None, reason])


def clear_quarantine(actor: Actor, hospital: Hospital) -> None:
    """Let fleet migrations try a hospital again; raises NotQuarantined."""
    if hospital.quarantined_at is None:
        raise NotQuarantined
    reason = hospital.quarantine_reason
    values = {"quarantined_at": None, "quarantine_reason": None}
    db.session.execute(sa.update(Hospital).where(Hospital.id == hospital.id).values(**values))
    _record(actor, CLEAR, hospital.id, [reason, None])


def _record(actor: Actor, action: str, hospital_id: UUID, reason: list[str | None]) -> None:
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="hospital",
        subject_id=hospital_id,
        hospital_id=hospital_id,
        changes={"quarantine_reason": reason},
        risk="medium",
    )
