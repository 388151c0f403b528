"""Says in the audit log who made all this, and tells the outbox of the people, as registering them would have done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.cli.demo.people import Person
from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.ids import new_id
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.tenancy.binding import bound_hospital

Row = dict[str, Any]


def write_log(actor: Actor, people: list[Person], staff: list[UUID], counts: dict[str, int]) -> None:
    """Write an audit row and an event for everybody, and one audit row for the rest."""
    made: list[Row] = [
        {"action": "staff.create", "subject_type": "staff_user", "subject_id": person_id} for person_id in staff
    ]
    made += [{"action": "patient.register", "subject_type": "patient", "subject_id": person.id} for person in people]
    rest = {"action": "demo.fill", "subject_type": "hospital", "subject_id": bound_hospital().id}
    changes = {name: [0, count] for name, count in counts.items()}
    entries = [_audit(actor, entry, {}) for entry in made] + [_audit(actor, rest, changes)]
    db.session.execute(sa.insert(AuditEntry), entries)
    db.session.execute(sa.insert(OutboxEvent), [_event(entry) for entry in made])


def _audit(actor: Actor, entry: Row, changes: Row) -> Row:
    return {
        "id": new_id(),
        "at": clock.now(),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        **entry,
        "patient_id": entry["subject_id"] if entry["subject_type"] == "patient" else None,
        "changes": changes,
    }


def _event(entry: Row) -> Row:
    return {
        "id": new_id(),
        "kind": entry["action"],
        "subject_type": entry["subject_type"],
        "subject_id": entry["subject_id"],
        "payload": {"patient_version": 1} if entry["subject_type"] == "patient" else {},
        "created_at": clock.now(),
    }
