"""What a role holds: its permissions and the access to protected fields, written as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.permissions import FieldAccess
from app.domain.access.models import RoleFieldRule
from app.domain.identity.models import RolePermission


def write_role_content(role_id: UUID, permissions: Iterable[str], fields: Mapping[str, FieldAccess]) -> None:
    """Let a role hold exactly these permissions, and this access to fields."""
    db.session.execute(sa.delete(RolePermission).where(RolePermission.role_id == role_id))
    db.session.execute(sa.delete(RoleFieldRule).where(RoleFieldRule.role_id == role_id))
    held = [{"role_id": role_id, "permission_code": code} for code in sorted(permissions)]
    rules = [{"role_id": role_id, "field": code, "access": access} for code, access in fields.items()]
    if held:
        db.session.execute(sa.insert(RolePermission), held)
    if rules:
        db.session.execute(sa.insert(RoleFieldRule), rules)


def read_permissions(role_id: UUID) -> frozenset[str]:
    """Return the codes that a role holds."""
    query = sa.select(RolePermission.permission_code).where(RolePermission.role_id == role_id)
    return frozenset(db.session.scalars(query))


def read_fields(role_id: UUID) -> dict[str, FieldAccess]:
    """Return what a role says of protected fields."""
    query = sa.select(RoleFieldRule.field, RoleFieldRule.access).where(RoleFieldRule.role_id == role_id)
    return {row.field: row.access for row in db.session.execute(query)}
