"""Who acts when nobody is signed in: somebody who comes by a link, or for whom a worker does something later."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.access.rules import bounds_from
from app.domain.identity.letters import owner_of
from app.domain.identity.models import StaffUser
from app.domain.identity.sessions import STAFF_FIELDS, STAFF_PERMISSIONS

KINDS = {"admin": ActorKind.OPERATOR, "hospital": ActorKind.STAFF, "patient": ActorKind.PATIENT}


def acting_as(portal: str, account: Any, *, address: str | None, request_id: str | None) -> Actor:
    """Return the owner of an account as an actor without any permission."""
    return Actor(KINDS[portal], account.id, owner_of(account).name, address=address, request_id=request_id)


def find_acting_staff(staff_id: UUID) -> Actor | None:
    """Return a member of staff as an actor with what they may do now; None for one who may not work any more."""
    query = sa.select(StaffUser.full_name, StaffUser.department_id, STAFF_PERMISSIONS, STAFF_FIELDS).where(
        StaffUser.id == staff_id, StaffUser.disabled_at.is_(None), StaffUser.deleted_at.is_(None)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        return None
    name, department_id, held, fields = row
    bounds = bounds_from(staff_id, department_id, held or (), fields or ())
    return Actor(ActorKind.STAFF, staff_id, name, frozenset(bounds.scopes), bounds=bounds)
