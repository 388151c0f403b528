"""Somebody must remain who can administer: a hospital keeps one who may manage staff, the platform one who may manage
operators; and nobody takes their own administration away without knowing it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.domain.identity.models import RolePermission, StaffRole, StaffUser
from app.domain.identity.passwords import NO_PASSWORD
from app.domain.identity.permissions import MANAGE_OPERATORS, MANAGE_ROLES, MANAGE_STAFF
from app.tenancy.models import PlatformUser, PlatformUserPermission

ADMINISTERING = 7_312_002  # one at a time, so that two do not take each other's administration away


class LastAdministrator(Conflict):
    title = _l("Somebody must remain who can administer")
    default_message = _l("This is the last account that can manage the others.")
    remedy = _l("Give another person this right first.")


class OwnAccount(Conflict):
    title = _l("This is your own account")
    default_message = _l("Nobody disables their own account.")
    remedy = _l("Ask another administrator.")


class OwnAdministration(InvalidValue):
    default_message = _l("You would lose the right to manage staff. Tick the box if that is what you want.")


def check_one_remains(actor: Actor, portal: str, account_id: UUID) -> None:
    """Allow an account to be disabled; raises OwnAccount or LastAdministrator."""
    if actor.id == account_id:
        raise OwnAccount
    if portal == "hospital":
        _check_staff(account_id)
    elif portal == "admin":
        check_operator_remains(account_id)


def check_roles_leave_one(actor: Actor, staff_id: UUID, role_ids: Collection[UUID], *, knowingly: bool) -> None:
    """Allow somebody's roles to become these; raises LastAdministrator, or OwnAdministration unless `knowingly`."""
    managing = sa.select(RolePermission.role_id).where(RolePermission.permission_code == MANAGE_STAFF.code)
    if set(db.session.scalars(managing)) & set(role_ids):
        return
    if _check_staff(staff_id) and actor.id == staff_id and not knowingly:
        raise OwnAdministration(field="knowingly")


def check_operator_remains(user_id: UUID) -> None:
    """Allow an operator to lose the management of operators; raises LastAdministrator."""
    _wait(PlatformUser)
    query = (
        sa.select(PlatformUser.id)
        .join(PlatformUserPermission, PlatformUserPermission.user_id == PlatformUser.id)
        .where(
            PlatformUserPermission.permission_code == MANAGE_OPERATORS.code,
            PlatformUser.disabled_at.is_(None),
            PlatformUser.password_hash != NO_PASSWORD,
        )
    )
    _refuse_last(set(db.session.scalars(query)), user_id)


def check_somebody_administers() -> None:
    """Allow a role to lose permissions; raises LastAdministrator where nobody could change roles or manage staff."""
    _wait(StaffUser)
    for permission in (MANAGE_ROLES, MANAGE_STAFF):
        query = (
            sa.select(StaffUser.id)
            .join(StaffRole, StaffRole.staff_id == StaffUser.id)
            .join(RolePermission, RolePermission.role_id == StaffRole.role_id)
            .where(
                RolePermission.permission_code == permission.code,
                StaffUser.disabled_at.is_(None),
                StaffUser.deleted_at.is_(None),
                StaffUser.password_hash != NO_PASSWORD,
            )
            .limit(1)
        )
        if db.session.scalar(query) is None:
            raise LastAdministrator


def _check_staff(staff_id: UUID) -> bool:
    """Tell whether somebody can manage staff; raises LastAdministrator when nobody else can."""
    _wait(StaffUser)
    query = (
        sa.select(StaffUser.id)
        .join(StaffRole, StaffRole.staff_id == StaffUser.id)
        .join(RolePermission, RolePermission.role_id == StaffRole.role_id)
        .where(
            RolePermission.permission_code == MANAGE_STAFF.code,
            StaffUser.disabled_at.is_(None),
            StaffUser.deleted_at.is_(None),
            StaffUser.password_hash != NO_PASSWORD,
        )
    )
    administrators = set(db.session.scalars(query))
    _refuse_last(administrators, staff_id)
    return staff_id in administrators


def _refuse_last(administrators: set[UUID], account_id: UUID) -> None:
    if administrators == {account_id}:
        raise LastAdministrator


def _wait(model: type[StaffUser] | type[PlatformUser]) -> None:
    lock = sa.select(sa.func.pg_advisory_xact_lock(ADMINISTERING))
    db.session.execute(lock, bind_arguments={"mapper": model})
