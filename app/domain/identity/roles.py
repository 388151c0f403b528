"""Roles of a hospital: made, changed, set back to their preset and removed by its administrators.

A change counts at the next request of everybody who has the role. Somebody always remains who may change roles and who
may manage staff. (ASVS 5.0, 8.2.1, 8.4.2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.permissions import FieldAccess, Scope, list_permissions
from app.core.risks import Risk
from app.domain.access.fields import list_fields
from app.domain.access.rules import is_less_open, is_narrower
from app.domain.audit.operations import record_change
from app.domain.identity.last_administrator import check_somebody_administers
from app.domain.identity.models import Role, StaffRole, StaffSession, StaffUser
from app.domain.identity.permissions import MANAGE_ROLES, ROLE_PRESETS
from app.domain.identity.role_content import read_fields, read_permissions, write_role_content
from app.domain.identity.sessions import check_streams
from app.domain.security.events import record_security_event

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class RoleContent:
    """What a role is: its name, what it allows, with whose data, and what of the fields."""

    name: str
    permissions: frozenset[str] = frozenset()
    scope: Scope = Scope.TREATING
    fields: Mapping[str, FieldAccess] = field(default_factory=dict)

    def access_to(self, code: str) -> FieldAccess:
        """Return what the role says of a field."""
        return self.fields.get(code, FieldAccess.WRITE)


@dataclass(frozen=True, slots=True)
class OpenRole:
    """A role as its page shows it."""

    id: UUID
    code: str
    version: int
    content: RoleContent
    holders: int
    updated_at: datetime
    updated_by_name: str

    @property
    def is_preset(self) -> bool:
        """Tell whether every hospital has this role from the start."""
        return self.code in ROLE_PRESETS


@dataclass(frozen=True, slots=True)
class Loss:
    """What people with a role would no longer have after a change."""

    permissions: frozenset[str]
    scope: bool
    fields: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.permissions or self.scope or self.fields)


class StaleRole(StaleVersion):
    """Somebody else has changed the role meanwhile; `theirs` is how it stands now."""

    def __init__(self, theirs: OpenRole) -> None:
        self.theirs = theirs
        super().__init__()


class RoleInUse(Conflict):
    title = _l("This role is in use")
    remedy = _l("Give these people other roles first.")

    def __init__(self, holders: int) -> None:
        super().__init__(_l("People who have this role: %(count)s.", count=holders))


class PresetStays(Conflict):
    title = _l("This role stays")
    default_message = _l("Roles that every hospital starts with can be changed and set back, but not removed.")


class TakesAway(InvalidValue):
    """A change takes something away from people who have the role, and was not confirmed."""

    default_message = _l("People who have this role would lose something. Read what, and tick the box.")

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(field="knowingly")


def get_role(role_id: UUID) -> OpenRole:
    """Return a role with everything that it says; raises NotFound."""
    holders = sa.select(sa.func.count()).where(StaffRole.role_id == Role.id).scalar_subquery()
    query = (
        sa.select(
            Role.id,
            Role.code,
            Role.version,
            Role.name,
            Role.scope,
            holders.label("holders"),
            Role.updated_at,
            StaffUser.full_name,
        )
        .outerjoin(StaffUser, StaffUser.id == Role.updated_by)
        .where(Role.id == role_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    content = RoleContent(row.name, read_permissions(role_id), row.scope, read_fields(role_id))
    return OpenRole(row.id, row.code, row.version, content, row.holders, row.updated_at, row.full_name or "")


def loss_between(before: RoleContent, after: RoleContent) -> Loss:
    """Return what a change of a role takes away."""
    fields = (code for code in {*before.fields, *after.fields}
              if is_less_open(after.access_to(code), before.access_to(code)))  # fmt: skip
    return Loss(before.permissions - after.permissions, is_narrower(after.scope, before.scope), frozenset(fields))


def create_role(actor: Actor, content: RoleContent) -> Role:
    """Make a role of the hospital's own; raises InvalidValue."""
    content = _checked(content)
    role = Role(code=f"own_{new_id().hex[-12:]}", name=content.name, scope=content.scope, created_by=actor.id)
    role.updated_by = actor.id
    db.session.add(role)
    db.session.flush()
    write_role_content(role.id, content.permissions, content.fields)
    _record(actor, "role.create", role, RoleContent(""), content)
    return role


def update_role(
    actor: Actor, role_id: UUID, version: int, content: RoleContent, *, knowingly: bool = False
) -> OpenRole:
    """Change a role for everybody who has it.

    Raises InvalidValue, StaleRole, LastAdministrator, or TakesAway unless what is lost is lost `knowingly`.
    """
    content = _checked(content, but=role_id)
    role, before = _hold(role_id, version)
    loss = loss_between(before.content, content)
    if loss and before.holders and not knowingly:
        raise TakesAway(loss)
    role.name, role.scope, role.updated_at, role.updated_by = content.name, content.scope, clock.now(), actor.id
    db.session.flush()
    write_role_content(role_id, content.permissions, content.fields)
    if loss.permissions:
        check_somebody_administers()
    _renew_sessions(role_id)
    _record(actor, "role.update", role, before.content, content)
    return before


def preset_of(role: OpenRole) -> RoleContent | None:
    """Return what a role was at the start; None for the hospital's own."""
    preset = ROLE_PRESETS.get(role.code)
    return None if preset is None else RoleContent(preset.name, preset.permissions, preset.scope, preset.fields)


def remove_role(actor: Actor, role_id: UUID, version: int) -> None:
    """Remove a role that nobody has; raises RoleInUse, PresetStays or StaleRole."""
    role, before = _hold(role_id, version)
    if before.is_preset:
        raise PresetStays
    if before.holders:
        raise RoleInUse(before.holders)
    write_role_content(role_id, (), {})
    db.session.delete(role)
    db.session.flush()
    _record(actor, "role.remove", role, before.content, RoleContent(""))


def _hold(role_id: UUID, version: int) -> tuple[Role, OpenRole]:
    role = db.session.scalars(sa.select(Role).where(Role.id == role_id).with_for_update()).one_or_none()
    if role is None:
        raise NotFound
    standing = get_role(role_id)
    if standing.version != version:
        raise StaleRole(standing)
    return role, standing


def _checked(content: RoleContent, but: UUID | None = None) -> RoleContent:
    name = " ".join(content.name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        message = _l("Enter a name of at most %(most)s characters.", most=LONGEST_NAME)
        raise InvalidValue(message, field="name")
    same = sa.select(Role.id).where(sa.func.lower(Role.name) == name.lower())
    if db.session.scalar(same if but is None else same.where(Role.id != but)) is not None:
        raise InvalidValue(_l("Another role has this name."), field="name")
    known = {entry.code for entry in list_permissions("hospital")}
    declared = {entry.code for entry in list_fields()}
    if content.permissions - known or set(content.fields) - declared:
        raise InvalidValue(_l("Choose from what the page offers."), field="name")
    fields = {code: content.access_to(code) for code in sorted(declared)}
    return RoleContent(name, content.permissions, content.scope, fields)


def _renew_sessions(role_id: UUID) -> None:
    """Have the browsers of those who have the role get new tokens at their next page."""
    having = sa.select(StaffRole.staff_id).where(StaffRole.role_id == role_id)
    query = sa.update(StaffSession).where(StaffSession.staff_id.in_(having), StaffSession.ended_at.is_(None))
    db.session.execute(query.values(renews=True), execution_options={"synchronize_session": False})
    check_streams("hospital")


def _record(actor: Actor, action: str, role: Role, before: RoleContent, after: RoleContent) -> None:
    changes: dict[str, Any] = {
        "given": sorted(after.permissions - before.permissions),
        "taken": sorted(before.permissions - after.permissions),
        "fields": sorted(
            code for code in {*before.fields, *after.fields} if before.access_to(code) is not after.access_to(code)
        ),
    }
    if before.scope is not after.scope:
        changes["scope"] = [before.scope.value, after.scope.value]
    record_change(actor, action, subject_type="role", subject_id=role.id, changes=changes)
    touches_roles = MANAGE_ROLES.code in before.permissions ^ after.permissions
    record_security_event(
        actor,
        "role.change",
        risk=Risk.HIGH if touches_roles else Risk.MEDIUM,
        subject_type="role",
        subject_id=role.id,
        details={"role": role.code, "act": action, "given": len(changes["given"]), "taken": len(changes["taken"])},
    )
