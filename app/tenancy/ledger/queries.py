"""Reading the ledger: lists as rows, one operation with its steps, what waits to be taken up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.db import db
from app.core.errors import Text
from app.tenancy.ledger.errors import UnknownOperation
from app.tenancy.ledger.kinds import kind_named, list_kinds
from app.tenancy.ledger.leases import LEASE_SECONDS
from app.tenancy.ledger.pen import TAKEN_BACK
from app.tenancy.models import Hospital, Operation, OperationState, OperationStep, StepState
from app.tenancy.paging import Page

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step; state is waiting, running, done or failed."""

    name: str
    label: Text
    state: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ShownOperation:
    """An operation as pages and commands show it."""

    row: Any
    title: Text
    steps: tuple[ShownStep, ...]

    @property
    def moving(self) -> bool:
        """Something may still happen."""
        return self.row.state in (OperationState.QUEUED, OperationState.RUNNING)

    @property
    def done_steps(self) -> int:
        return sum(step.state == StepState.DONE for step in self.steps)

    @property
    def failed_step(self) -> ShownStep | None:
        return next((step for step in self.steps if step.state == StepState.FAILED), None)


def get_operation(operation_id: UUID) -> ShownOperation:
    """Return one operation with its steps; raises UnknownOperation."""
    row = db.session.execute(_operations().where(Operation.id == operation_id)).one_or_none()
    if row is None:
        raise UnknownOperation
    return _shown(row)


def find_newest(kind: str, hospital_id: UUID) -> ShownOperation | None:
    """Return a hospital's newest operation of a kind with its steps, or None."""
    query = _operations().where(Operation.kind == kind, Operation.hospital_id == hospital_id)
    row = db.session.execute(query.order_by(Operation.requested_at.desc()).limit(1)).one_or_none()
    return None if row is None else _shown(row)


def list_operations(
    *, hospital_id: UUID | None = None, kinds: tuple[str, ...] = (), state: OperationState | None = None, page: int = 1
) -> Page[Any]:
    """Return a page of operations, newest first, of one hospital, some kinds or one state."""
    wanted: list[sa.ColumnElement[bool]] = []
    if hospital_id:
        wanted.append(Operation.hospital_id == hospital_id)
    if kinds:
        wanted.append(Operation.kind.in_(kinds))
    if state:
        wanted.append(Operation.state == state)
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Operation).where(*wanted)) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    query = _operations().where(*wanted).order_by(Operation.requested_at.desc())
    rows = db.session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, PER_PAGE, total)


def list_waiting(limit: int = 100) -> list[tuple[UUID, str]]:
    """Return id and kind of what a worker should take up: what waits, and what nobody keeps alive any more.

    Kinds that this release does not know are left to one that does.
    """
    stale = Operation.heartbeat_at < sa.func.now() - sa.text(f"interval '{LEASE_SECONDS} seconds'")
    query = (
        sa.select(Operation.id, Operation.kind)
        .where(
            Operation.kind.in_([kind.name for kind in list_kinds()]),
            sa.or_(
                sa.and_(
                    Operation.state == OperationState.QUEUED,
                    sa.or_(Operation.not_before.is_(None), Operation.not_before <= sa.func.now()),
                ),
                sa.and_(Operation.state == OperationState.RUNNING, stale),
            ),
        )
        .order_by(Operation.requested_at)
        .limit(limit)
    )
    return [(row.id, row.kind) for row in db.session.execute(query)]


def list_to_retry(limit: int = 100) -> list[UUID]:
    """Return what failed long enough ago to be tried again by itself: the newest of its kind for its hospital."""
    newer = aliased(Operation)
    rested = [
        sa.and_(
            Operation.kind == kind.name,
            Operation.finished_at < sa.func.now() - sa.text(f"interval '{kind.retry_seconds} seconds'"),
        )
        for kind in list_kinds()
        if kind.retry_seconds is not None
    ]
    query = sa.select(Operation.id).where(
        Operation.state == OperationState.FAILED,
        sa.or_(*rested),
        ~sa.exists().where(
            newer.kind == Operation.kind,
            newer.hospital_id == Operation.hospital_id,
            newer.requested_at > Operation.requested_at,
        ),
    )
    return list(db.session.scalars(query.limit(limit)))


def title_of(kind: str) -> Text:
    """Return what a kind is called; its name where this release does not know it."""
    try:
        return kind_named(kind).title
    except LookupError:
        return kind


def _operations() -> sa.Select[Any]:
    columns = [column for column in Operation.__table__.columns if column.name != "runner"]
    return sa.select(*columns, Hospital.code.label("hospital_code"), Hospital.display_name).outerjoin(
        Hospital, Hospital.id == Operation.hospital_id
    )


def _shown(row: Any) -> ShownOperation:
    query = (
        sa.select(
            OperationStep.step,
            OperationStep.state,
            OperationStep.started_at,
            OperationStep.finished_at,
            OperationStep.error,
        )
        .where(OperationStep.operation_id == row.id)
        .order_by(OperationStep.started_at)
        .limit(200)
    )
    noted: Sequence[Any] = db.session.execute(query).all()
    ledger = {step.step: step for step in noted}
    try:
        labels = dict(kind_named(row.kind).steps)
    except LookupError:
        labels = {}
    names = [*labels, *(name for name in ledger if name not in labels)]
    return ShownOperation(
        row, title_of(row.kind), tuple(_step(name, labels.get(name, name), ledger.get(name)) for name in names)
    )


def _step(name: str, label: Text, row: Any) -> ShownStep:
    if row is None or (row.state is StepState.FAILED and row.error == TAKEN_BACK):
        return ShownStep(name, label, "waiting")
    return ShownStep(name, label, row.state.value, row.started_at, row.finished_at, row.error)
