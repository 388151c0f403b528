"""Who can do what in a hospital: its roles, the people who have them, and what each may do through which role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.permissions import Scope
from app.domain.access.rules import widest
from app.domain.identity.models import Role, RolePermission, StaffRole, StaffUser
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.organisation.models import Department
from app.domain.paging import Page, offset_of

PEOPLE_PER_PAGE = 8
MOST_HOLDERS = 50
MOST_ROLES = 200
LONGEST_SEARCH = 100
EXPORTED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Holding:
    """By which roles somebody may do something, and how far the widest of them reaches."""

    roles: tuple[str, ...]
    scope: Scope


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody with all that they may do, by permission."""

    id: UUID
    full_name: str
    username: str
    department: str | None
    roles: tuple[str, ...]
    holdings: dict[str, Holding]


def list_roles() -> list[Any]:
    """Return the hospital's roles with how many people have each and how much it allows, the presets first."""
    holders = sa.select(sa.func.count()).where(StaffRole.role_id == Role.id).scalar_subquery()
    allowed = sa.select(sa.func.count()).where(RolePermission.role_id == Role.id).scalar_subquery()
    order = sa.case(
        {code: number for number, code in enumerate(ROLE_PRESETS)}, value=Role.code, else_=len(ROLE_PRESETS)
    )
    query = sa.select(
        Role.id,
        Role.code,
        Role.name,
        Role.scope,
        holders.label("holders"),
        allowed.label("permissions"),
        Role.updated_at,
    )
    return list(db.session.execute(query.order_by(order, Role.name).limit(MOST_ROLES)).all())


def list_holders(role_id: UUID) -> list[Any]:
    """Return some of the people who have a role, by name."""
    query = (
        sa.select(StaffUser.id, StaffUser.full_name, StaffUser.username, StaffUser.disabled_at)
        .join(StaffRole, StaffRole.staff_id == StaffUser.id)
        .where(StaffRole.role_id == role_id, StaffUser.deleted_at.is_(None))
        .order_by(StaffUser.full_name, StaffUser.id)
        .limit(MOST_HOLDERS)
    )
    return list(db.session.execute(query).all())


def list_people(text: str, permission: str | None, page: int, per_page: int = PEOPLE_PER_PAGE) -> Page[PersonRow]:
    """Return people who work here, with what each may do; of a name, of those who hold a permission, or all."""
    conditions: list[sa.ColumnElement[bool]] = [StaffUser.deleted_at.is_(None), StaffUser.disabled_at.is_(None)]
    words = " ".join(text.replace("\0", "").split())[:LONGEST_SEARCH]
    if words:
        literal = words.replace("/", "//").replace("%", "/%").replace("_", "/_")
        key = sa.func.vien_search_key
        conditions.append(
            sa.or_(
                key(StaffUser.full_name).contains(key(literal), escape="/"),
                StaffUser.username.contains(words.lower(), autoescape=True),
            )
        )
    if permission:
        conditions.append(StaffUser.id.in_(_holding(permission)))
    query = (
        sa.select(
            StaffUser.id,
            StaffUser.full_name,
            StaffUser.username,
            Department.name.label("department"),
            sa.func.count().over().label("total"),
        )
        .outerjoin(Department, Department.id == StaffUser.department_id)
        .where(*conditions)
        .order_by(StaffUser.full_name, StaffUser.id)
        .limit(per_page)
        .offset(offset_of(page, per_page))
    )
    rows = db.session.execute(query).all()
    held = _held_by([row.id for row in rows])
    people = [
        PersonRow(row.id, row.full_name, row.username, row.department, *_of(held.get(row.id, []))) for row in rows
    ]
    return Page(people, max(page, 1), per_page, rows[0].total if rows else 0)


def everybody(text: str, permission: str | None) -> Iterator[PersonRow]:
    """Return all people who work here, one after the other."""
    number, found = 1, list_people(text, permission, 1, EXPORTED_AT_ONCE)
    while found.items:
        yield from found.items
        number += 1
        found = list_people(text, permission, number, EXPORTED_AT_ONCE)


def _holding(permission: str) -> sa.Select[Any]:
    return (
        sa.select(StaffRole.staff_id)
        .join(RolePermission, RolePermission.role_id == StaffRole.role_id)
        .where(RolePermission.permission_code == permission)
    )


def _held_by(ids: list[UUID]) -> dict[UUID, list[Any]]:
    if not ids:
        return {}
    query = (
        sa.select(StaffRole.staff_id, Role.name, Role.scope, RolePermission.permission_code)
        .join(Role, Role.id == StaffRole.role_id)
        .outerjoin(RolePermission, RolePermission.role_id == Role.id)
        .where(StaffRole.staff_id.in_(ids))
        .order_by(Role.name)
    )
    held: dict[UUID, list[Any]] = {}
    for row in db.session.execute(query):
        held.setdefault(row.staff_id, []).append(row)
    return held


def _of(rows: list[Any]) -> tuple[tuple[str, ...], dict[str, Holding]]:
    by_permission: dict[str, list[Any]] = {}
    for row in rows:
        if row.permission_code is not None:
            by_permission.setdefault(row.permission_code, []).append(row)
    return tuple(dict.fromkeys(row.name for row in rows)), {
        code: Holding(tuple(row.name for row in every), widest(row.scope for row in every))
        for code, every in by_permission.items()
    }
