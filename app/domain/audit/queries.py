"""Who has looked at a patient's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.identity.models import Role, StaffRole


@dataclass(frozen=True, slots=True)
class Look:
    """One page on which somebody saw a patient's data."""

    at: datetime
    actor_kind: ActorKind
    actor_name: str
    role_names: tuple[str, ...]
    action: str
    subject_type: str
    is_own: bool


def list_looks_at(
    actor: Actor, patient_id: UUID, *, limit: int, offset: int, others_only: bool = False
) -> tuple[list[Look], int]:
    """List who has seen a patient's data, newest first, and how many such rows there are: three queries."""
    condition = AccessEntry.patient_ids.contains([patient_id])
    if others_only:
        condition = sa.and_(
            condition,
            sa.or_(AccessEntry.actor_kind != ActorKind.PATIENT.value, AccessEntry.actor_id.is_distinct_from(actor.id)),
        )
    total = db.session.scalars(sa.select(sa.func.count()).select_from(AccessEntry).where(condition)).one()
    rows = db.session.execute(
        sa.select(
            AccessEntry.at,
            AccessEntry.actor_kind,
            AccessEntry.actor_id,
            AccessEntry.actor_name,
            AccessEntry.action,
            AccessEntry.subject_type,
        )
        .where(condition)
        .order_by(AccessEntry.at.desc(), AccessEntry.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    roles = _role_names(rows)
    record_access(actor, "own.access_log", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return [_look(row, roles, actor) for row in rows], total


def _look(row: sa.Row[*tuple[Any, ...]], roles: dict[UUID, tuple[str, ...]], actor: Actor) -> Look:
    return Look(
        at=row.at,
        actor_kind=ActorKind(row.actor_kind),
        actor_name=row.actor_name,
        role_names=roles.get(row.actor_id, ()),
        action=row.action,
        subject_type=row.subject_type,
        is_own=row.actor_kind == actor.kind.value and row.actor_id == actor.id,
    )


def _role_names(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> dict[UUID, tuple[str, ...]]:
    staff_ids = {row.actor_id for row in rows if row.actor_kind == ActorKind.STAFF.value and row.actor_id}
    if not staff_ids:
        return {}
    found = db.session.execute(
        sa.select(StaffRole.staff_id, sa.func.array_agg(Role.name))
        .join(Role, Role.id == StaffRole.role_id)
        .where(StaffRole.staff_id.in_(staff_ids))
        .group_by(StaffRole.staff_id)
    )
    return {staff_id: tuple(names) for staff_id, names in found}
