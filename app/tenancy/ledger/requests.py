"""Asking for long work, for another try, for its end. A worker is woken after the commit; a sweep finds the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.queue import enqueue
from app.tenancy.audit import record_platform_change
from app.tenancy.ledger.errors import OperationEnded, OperationNotRetryable, UnknownOperation
from app.tenancy.ledger.kinds import OperationKind, kind_named
from app.tenancy.models import Hospital, Operation, OperationState

UNFINISHED = (OperationState.QUEUED, OperationState.RUNNING)


def request_operation(
    actor: Actor,
    name: str,
    *,
    hospital: Hospital | None = None,
    arguments: dict[str, Any] | None = None,
    not_before: datetime | None = None,
    wake: bool = True,
) -> Operation:
    """Write down what is wanted, and wake a worker when that is committed; `wake=False` for who performs it here."""
    kind = kind_named(name)
    if kind.takes_hospital != (hospital is not None):
        raise ValueError(f"operation {name!r} {'needs a' if kind.takes_hospital else 'takes no'} hospital")
    wanted = Operation(
        kind=name,
        hospital_id=hospital.id if hospital else None,
        arguments=arguments or {},
        requested_by=actor.id,
        requested_by_kind=actor.kind.value,
        requested_by_name=actor.name,
        not_before=not_before,
    )
    db.session.add(wanted)
    db.session.flush()
    _record(actor, "operation.request", wanted, {"kind": [None, name], **_audited(wanted.arguments)})
    if wake and not_before is None:
        wake_worker(kind, wanted.id)
    return wanted


def find_unfinished(name: str, hospital_id: UUID | None) -> Operation | None:
    """Return the oldest operation of a kind, for a hospital or for none, that has not ended yet."""
    query = (
        sa.select(Operation)
        .where(
            Operation.kind == name,
            Operation.hospital_id == hospital_id if hospital_id else Operation.hospital_id.is_(None),
            Operation.state.in_(UNFINISHED),
        )
        .order_by(Operation.requested_at)
        .limit(1)
    )
    return db.session.scalar(query)


def retry_operation(actor: Actor, operation_id: UUID, *, wake: bool = True) -> Operation:
    """Have failed or cancelled work go on where it stopped; raises UnknownOperation or OperationNotRetryable."""
    wanted = _locked(operation_id)
    if wanted.state not in (OperationState.FAILED, OperationState.CANCELLED):
        raise OperationNotRetryable
    wanted.state, wanted.error, wanted.remedy, wanted.finished_at = OperationState.QUEUED, None, None, None
    wanted.cancel_requested_at, wanted.not_before = None, None
    db.session.flush()
    _record(actor, "operation.retry", wanted, {"kind": [None, wanted.kind]})
    if wake:
        wake_worker(kind_named(wanted.kind), wanted.id)
    return wanted


def cancel_operation(actor: Actor, operation_id: UUID) -> Operation:
    """Have work stop at its next safe point, or not begin; raises UnknownOperation or OperationEnded."""
    wanted = _locked(operation_id)
    if wanted.state not in UNFINISHED:
        raise OperationEnded
    wanted.cancel_requested_at = sa.func.now()
    if wanted.state is OperationState.QUEUED:
        wanted.state, wanted.finished_at = OperationState.CANCELLED, sa.func.now()
    db.session.flush()
    _record(actor, "operation.cancel", wanted, {"kind": [None, wanted.kind]})
    return wanted


def wake_worker(kind: OperationKind, operation_id: UUID) -> None:
    """Wake a worker once the unit of work is committed; while Redis is away the schedule's sweep finds the row."""
    job = "perform_quick_operation" if kind.quick else "perform_operation"
    after_commit(lambda: enqueue(job, operation_id=str(operation_id)))


def _locked(operation_id: UUID) -> Operation:
    query = sa.select(Operation).where(Operation.id == operation_id).with_for_update()
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise UnknownOperation
    return found


def _audited(arguments: dict[str, Any]) -> dict[str, list[Any]]:
    return {f"arguments.{name}": [None, value] for name, value in arguments.items()}


def _record(actor: Actor, action: str, wanted: Operation, changes: dict[str, Any]) -> None:
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="operation",
        subject_id=wanted.id,
        hospital_id=wanted.hospital_id,
        changes=changes,
        risk="medium",
    )
