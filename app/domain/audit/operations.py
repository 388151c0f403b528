"""Writing down what happened: one statement for the audit row and the outbox event, one row for a read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import WHILE_READING, db
from app.core.ids import new_id
from app.core.queue import enqueue
from app.domain.audit.models import AccessEntry, AuditEntry, OutboxEvent
from app.tenancy.binding import bound_hospital

# Of the table, not of the model: one row needs none of the ORM's bulk machinery.
_ACCESS = sa.insert(cast(sa.Table, AccessEntry.__table__))


def record_change(
    actor: Actor,
    action: str,
    *,
    subject_type: str,
    subject_id: UUID,
    patient_id: UUID | None = None,
    changes: dict[str, Any] | None = None,
    event: dict[str, Any] | None = None,
    session: Session | None = None,
) -> None:
    """Write an audit row, and with `event` an outbox event of the same name, in the present transaction.

    `changes` names fields and ids, never clinical values. Both rows go in one statement: neither exists without the
    other, and it costs one round trip.
    """
    audit = sa.insert(AuditEntry).values(
        **_who(actor, action, subject_type, subject_id), patient_id=patient_id, changes=changes or {}
    )
    statement: sa.Insert = audit
    if event is not None:
        statement = (
            sa.insert(OutboxEvent)
            .values(
                id=new_id(),
                kind=action,
                subject_type=subject_type,
                subject_id=subject_id,
                payload=event,
                created_at=clock.now(),
            )
            .add_cte(audit.cte("audit"))
        )
    unit = session or db.session()
    unit.execute(statement)
    if event is not None:
        _wake_sync(unit)


def _wake_sync(unit: Session) -> None:
    """Have the sync worker woken, once per unit of work, when the event is committed."""
    transaction = unit.get_transaction()
    if unit.info.get("sync_woken_for") is transaction:
        return
    if not unit.in_nested_transaction():  # what is asked for in a savepoint may be rolled back with it
        unit.info["sync_woken_for"] = transaction
    code = bound_hospital().code
    after_commit(lambda: enqueue("sync_hospital", hospital=code), unit)


def record_access(
    actor: Actor, action: str, *, subject_type: str, subject_id: UUID | None, patient_ids: Iterable[UUID]
) -> None:
    """Write down that somebody saw data of these patients; an empty page is nobody's and leaves no row."""
    seen = list(dict.fromkeys(patient_ids))
    if seen:
        values = {**_who(actor, action, subject_type, subject_id), "patient_ids": seen}
        db.session.execute(_ACCESS, values, execution_options=WHILE_READING)


def _who(actor: Actor, action: str, subject_type: str, subject_id: UUID | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "at": clock.now(),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "action": action,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "address": actor.address,
        "request_id": actor.request_id,
        "basis": actor.basis.value if actor.basis else None,
        "grant_id": actor.grant_id,
    }
