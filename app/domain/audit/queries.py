"""Who has looked at a patient's data, a line for each person and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.organisation.models import Department


@dataclass(frozen=True, slots=True)
class LookDay:
    """Everything that one person saw of a patient on one day."""

    day: date
    first_at: datetime
    last_at: datetime
    times: int
    actor_kind: ActorKind
    actor_name: str
    role_names: tuple[str, ...]
    department: str | None
    actions: tuple[str, ...]
    bases: frozenset[str]
    is_own: bool

    @property
    def is_emergency(self) -> bool:
        """Tell whether some of it was emergency access."""
        return "emergency" in self.bases

    @property
    def is_support(self) -> bool:
        """Tell whether it was the platform's support, let in by the hospital."""
        return "support" in self.bases


def list_look_days(
    actor: Actor, patient_id: UUID, zone: str, *, limit: int, offset: int, others_only: bool = False
) -> tuple[list[LookDay], int]:
    """List who has seen a patient's data, the newest day first, and how many such lines there are: two queries.

    Days are those of the hospital's zone. Whoever shows this writes down that it was read.
    """
    condition = AccessEntry.patient_ids.contains([patient_id])
    if others_only:
        own = sa.and_(AccessEntry.actor_kind == ActorKind.PATIENT.value, AccessEntry.actor_id == actor.id)
        condition = sa.and_(condition, sa.func.coalesce(own, sa.false()).is_(False))
    day = sa.cast(sa.func.timezone(zone, AccessEntry.at), sa.Date)
    rows = db.session.execute(
        sa.select(
            day.label("day"),
            sa.func.min(AccessEntry.at).label("first_at"),
            sa.func.max(AccessEntry.at).label("last_at"),
            sa.func.count().label("times"),
            AccessEntry.actor_kind,
            AccessEntry.actor_id,
            sa.func.max(AccessEntry.actor_name).label("actor_name"),
            sa.func.array_agg(AccessEntry.action.distinct()).label("actions"),
            sa.func.array_agg(AccessEntry.basis.distinct()).label("bases"),
            sa.func.count().over().label("total"),
        )
        .where(condition)
        .group_by(day, AccessEntry.actor_kind, AccessEntry.actor_id)
        .order_by(day.desc(), sa.desc("last_at"))
        .limit(limit)
        .offset(offset)
    ).all()
    people = _people(rows)
    return [_look(row, people, actor) for row in rows], rows[0].total if rows else 0


def list_own_look_days(
    actor: Actor, patient_id: UUID, zone: str, *, limit: int, offset: int, others_only: bool
) -> tuple[list[LookDay], int]:
    """List for a patient who has looked, and write down that the patient did."""
    found = list_look_days(actor, patient_id, zone, limit=limit, offset=offset, others_only=others_only)
    record_access(actor, "own.access_log", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return found


def _look(row: Any, people: dict[UUID, tuple[tuple[str, ...], str | None]], actor: Actor) -> LookDay:
    roles, department = people.get(row.actor_id, ((), None))
    return LookDay(
        day=row.day,
        first_at=row.first_at,
        last_at=row.last_at,
        times=row.times,
        actor_kind=ActorKind(row.actor_kind),
        actor_name=row.actor_name,
        role_names=roles,
        department=department,
        actions=tuple(row.actions),
        bases=frozenset(basis for basis in row.bases if basis),
        is_own=row.actor_kind == actor.kind.value and row.actor_id == actor.id,
    )


def _people(rows: Sequence[Any]) -> dict[UUID, tuple[tuple[str, ...], str | None]]:
    """Return the roles and the department of the staff in these rows, as they are today."""
    staff_ids = {row.actor_id for row in rows if row.actor_kind == ActorKind.STAFF.value and row.actor_id}
    if not staff_ids:
        return {}
    found = db.session.execute(
        sa.select(StaffUser.id, Department.name, sa.func.array_remove(sa.func.array_agg(Role.name), None))
        .select_from(StaffUser)
        .outerjoin(Department, Department.id == StaffUser.department_id)
        .outerjoin(StaffRole, StaffRole.staff_id == StaffUser.id)
        .outerjoin(Role, Role.id == StaffRole.role_id)
        .where(StaffUser.id.in_(staff_ids))
        .group_by(StaffUser.id, Department.name)
    )
    return {staff_id: (tuple(names), department) for staff_id, department, names in found}
