"""Writing down many changes of one kind at once: what an import does, in one statement for each of the two tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.ids import new_id
from app.domain.audit.operations import _AUDIT_TABLE, _OUTBOX_TABLE, _who
from app.tenancy.waking import wake_relay_after_commit


def record_registrations(
    actor: Actor, patient_ids: Sequence[UUID], changes: dict[str, Any], payload: dict[str, Any]
) -> None:
    """Write for each patient the audit row and the outbox event that `record_change` writes for one."""
    if not patient_ids:
        return
    entries, events = [], []
    for patient_id in patient_ids:
        who = {name.removeprefix("a_"): value for name, value in _who_of(actor, patient_id).items()}
        entries.append(who | {"patient_id": patient_id, "changes": changes})
        events.append(
            {
                "id": new_id(),
                "kind": who["action"],
                "subject_type": "patient",
                "subject_id": patient_id,
                "payload": payload,
                "created_at": who["at"],
            }
        )
    session = db.session()
    session.execute(sa.insert(_AUDIT_TABLE), entries)
    session.execute(sa.insert(_OUTBOX_TABLE), events)
    wake_relay_after_commit(session)


def _who_of(actor: Actor, patient_id: UUID) -> dict[str, Any]:
    return _who(actor, "patient.register", "patient", patient_id)
