"""Reading who works at the hospital: the list that administrators search, and what they choose from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.identity.passwords import NO_PASSWORD
from app.domain.identity.proofs import Passkey
from app.domain.organisation.models import Department
from app.domain.paging import Page, offset_of

PER_PAGE = 25
LONGEST_SEARCH = 100
LATEST_PAGE = 1_000


class AccountState(enum.StrEnum):
    ACTIVE = "active"
    INVITED = "invited"
    SLOWED_DOWN = "slowed_down"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class StaffRow:
    """Somebody in the list of staff."""

    id: UUID
    username: str
    full_name: str
    email: str | None
    department: str | None
    roles: tuple[str, ...]
    state: AccountState
    has_second_factor: bool
    last_sign_in_at: datetime | None


def list_staff(text: str, state: str | None, department_id: UUID | None, role: str | None, page: int) -> Page[StaffRow]:
    """Return a page of those whose name, sign-in name or address holds a text, in the order of names."""
    page = min(max(page, 1), LATEST_PAGE)
    conditions = _conditions(" ".join(text.replace("\0", "").split())[:LONGEST_SEARCH], state, department_id, role)
    total = db.session.scalar(sa.select(sa.func.count(StaffUser.id)).where(*conditions)) or 0
    query = (
        sa.select(
            StaffUser.id,
            StaffUser.username,
            StaffUser.full_name,
            StaffUser.email,
            Department.name,
            _ROLES,
            state_column(StaffUser),
            sa.or_(StaffUser.totp_ciphertext.is_not(None), _HAS_PASSKEY),
            StaffUser.last_sign_in_at,
        )
        .outerjoin(Department, Department.id == StaffUser.department_id)
        .where(*conditions)
        .order_by(StaffUser.full_name, StaffUser.id)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = [_row_from(*row) for row in db.session.execute(query)]
    return Page(rows, page, PER_PAGE, total)


def _row_from(*values: Any) -> StaffRow:
    staff_id, username, full_name, email, department, roles, state, has_second_factor, last_sign_in_at = values
    return StaffRow(
        staff_id,
        username,
        full_name,
        email,
        department,
        tuple(roles or ()),
        AccountState(state),
        has_second_factor,
        last_sign_in_at,
    )


def list_roles() -> list[tuple[str, str]]:
    """Return the hospital's roles: code and name."""
    return [(code, name) for code, name in db.session.execute(sa.select(Role.code, Role.name).order_by(Role.name))]


def list_departments() -> list[tuple[UUID, str]]:
    """Return the hospital's departments: id and name."""
    query = sa.select(Department.id, Department.name).order_by(Department.position, Department.name)
    return [(department_id, name) for department_id, name in db.session.execute(query)]


def list_bookable_departments() -> list[tuple[str, str]]:
    """Return the departments in which patients are seen: code and name."""
    query = sa.select(Department.code, Department.name).where(Department.accepts_bookings)
    return [(code, name) for code, name in db.session.execute(query.order_by(Department.position, Department.name))]


def state_column(model: Any) -> sa.ColumnElement[str]:
    """Return the state of an account as the database tells it."""
    return sa.case(
        (model.disabled_at.is_not(None), AccountState.DISABLED.value),
        (model.password_hash == NO_PASSWORD, AccountState.INVITED.value),
        (model.throttled_until > clock.now(), AccountState.SLOWED_DOWN.value),
        else_=AccountState.ACTIVE.value,
    )


def state_of(account: Any) -> AccountState:
    """Return the state of an account."""
    if account.disabled_at is not None:
        return AccountState.DISABLED
    if account.password_hash == NO_PASSWORD:
        return AccountState.INVITED
    waits = account.throttled_until is not None and account.throttled_until > clock.now()
    return AccountState.SLOWED_DOWN if waits else AccountState.ACTIVE


_ROLES = (
    sa.select(sa.func.array_agg(Role.name))
    .join(StaffRole, StaffRole.role_id == Role.id)
    .where(StaffRole.staff_id == StaffUser.id)
    .scalar_subquery()
)
_HAS_PASSKEY = sa.exists().where(Passkey.staff_id == StaffUser.id, Passkey.removed_at.is_(None))


def _conditions(
    text: str, state: str | None, department_id: UUID | None, role: str | None
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [StaffUser.deleted_at.is_(None)]
    if text:
        key = sa.func.vien_search_key
        literal = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
        conditions.append(
            sa.or_(
                key(StaffUser.full_name).contains(key(literal), escape="/"),
                StaffUser.username.contains(text.lower(), autoescape=True),
                sa.func.lower(StaffUser.email).contains(text.lower(), autoescape=True),
            )
        )
    if state in set(AccountState):
        conditions.append(state_column(StaffUser) == state)
    if department_id is not None:
        conditions.append(StaffUser.department_id == department_id)
    if role:
        having = sa.select(StaffRole.staff_id).join(Role, Role.id == StaffRole.role_id).where(Role.code == role)
        conditions.append(StaffUser.id.in_(having))
    return conditions
