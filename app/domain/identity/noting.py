"""Writing down what happened to accounts and sessions where it belongs: in the hospital bound, else in the centre."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_change
from app.domain.security.events import record_security_event
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import find_bound_hospital
from app.tenancy.security_events import record_platform_security_event

SUBJECTS = {"admin": "platform_user", "hospital": "staff_user", "patient": "patient_user"}


def note_change(
    actor: Actor,
    portal: str,
    action: str,
    account_id: UUID,
    *,
    patient_id: UUID | None = None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Write into the audit log of the account's own database what was done to it."""
    subject = SUBJECTS[portal]
    if portal == "admin":
        record_platform_change(
            db.session(), actor, action, subject_type=subject, subject_id=account_id, changes=changes
        )
    else:
        record_change(
            actor, action, subject_type=subject, subject_id=account_id, patient_id=patient_id, changes=changes
        )


def note_security(actor: Actor, kind: str, **facts: Any) -> None:
    """Write a security event; see record_security_event."""
    record = record_platform_security_event if find_bound_hospital() is None else record_security_event
    record(actor, kind, **facts)
