"""Staff accounts: made, invited, changed. Nobody gives more than they hold, or changes who holds more than they do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.identity.account_words import words_about_hospital
from app.domain.identity.administrators import USERNAME, check_administrator_address
from app.domain.identity.browsers import end_sessions
from app.domain.identity.invitations import end_invitations, invite
from app.domain.identity.last_administrator import check_roles_leave_one
from app.domain.identity.models import Role, RolePermission, StaffRole, StaffUser
from app.domain.identity.noting import note_security
from app.domain.identity.passwords import NO_PASSWORD, check_new_password, hash_password, words_in
from app.domain.identity.permissions import MANAGE_ROLES
from app.domain.identity.resets import end_resets
from app.domain.organisation.models import Department
from app.tenancy.binding import bound_hospital
from app.tenancy.policies import account_policy

CREATING = 7_312_001  # one at a time, so that two at once do not both take the last place


class TooManyUsers(Conflict):
    """The plan allows no further account."""

    title = _l("No further staff account is allowed")

    def __init__(self, most: int) -> None:
        super().__init__(
            _l("The hospital's plan allows %(count)s staff accounts, and as many are in use.", count=most),
            remedy=_l("Close an account that nobody uses, or ask the operator of the platform for a larger plan."),
        )


class HoldsMore(Forbidden):
    default_message = _l("This would give, or belongs to, somebody who may do more than you.")
    remedy = _l("Ask somebody who may change roles.")


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """What is written down of somebody who works at the hospital."""

    full_name: str
    email: str | None = None
    phone: str | None = None
    department_id: UUID | None = None
    specialization: str | None = None
    licence_number: str | None = None


def create_staff(
    actor: Actor,
    *,
    username: str,
    full_name: str,
    password: str,
    role_codes: tuple[str, ...],
    department_id: UUID | None = None,
    specialization: str | None = None,
    licence_number: str | None = None,
    email: str | None = None,
) -> StaffUser:
    """Create an account with roles; raises InvalidValue for a taken name, an unknown role or a weak password.

    Raises TooManyUsers where the hospital's plan allows no further account.
    """
    about = [*words_in(username, full_name, email, licence_number), *words_about_hospital()]
    check_new_password(password, shortest=account_policy("hospital").shortest_password, about=about)
    facts = StaffFacts(full_name, email, None, department_id, specialization, licence_number)
    return _create(actor, username, hash_password(password), facts, role_codes)


def invite_staff(actor: Actor, *, username: str, facts: StaffFacts, role_codes: Collection[str]) -> StaffUser:
    """Create an account whose owner chooses the password by an invitation; raises InvalidValue, HoldsMore or
    TooManyUsers."""
    username = username.strip().lower()
    if not USERNAME.match(username):
        raise InvalidValue(
            _l("Use 3 to 50 lower-case letters, digits, dots and hyphens, beginning with a letter."), field="username"
        )
    staff = _create(actor, username, NO_PASSWORD, _checked(facts), tuple(role_codes))
    invite(actor, staff)
    return staff


def update_staff(
    actor: Actor,
    staff_id: UUID,
    *,
    version: int,
    facts: StaffFacts,
    role_codes: Collection[str],
    knowingly: bool = False,
) -> StaffUser:
    """Change what is written down of somebody, and their roles; whoever's roles change is signed out.

    Raises InvalidValue, StaleVersion, HoldsMore, LastAdministrator, or OwnAdministration unless `knowingly`.
    """
    staff = get_staff(staff_id)
    if staff.version != version:
        raise StaleVersion
    before = roles_of(staff_id)
    refuse_more_than_own(actor, before)
    facts = _checked(facts, without_address=staff.email is None)
    changed: dict[str, Any] = {}
    for name in (field.name for field in fields(StaffFacts)):
        if getattr(staff, name) != getattr(facts, name):
            changed[name] = None  # that it changed, not what it was
            setattr(staff, name, getattr(facts, name))
    staff.updated_by = actor.id
    db.session.flush()
    if "email" in changed:  # what was sent to the address of before opens nothing any more
        end_invitations(staff)
        end_resets(staff)
    if set(role_codes) != {role.code for role in before}:
        changed["roles"] = _change_roles(actor, staff, before, role_codes, knowingly)
    if changed:
        record_change(actor, "staff.update", subject_type="staff_user", subject_id=staff.id, changes=changed, event={})
    return staff


def get_staff(staff_id: UUID) -> StaffUser:
    """Return somebody who works at the hospital; raises NotFound."""
    staff = db.session.get(StaffUser, staff_id)
    if staff is None or staff.deleted_at is not None:
        raise NotFound
    return staff


def roles_of(staff_id: UUID) -> list[Role]:
    """Return the roles that somebody has."""
    query = sa.select(Role).join(StaffRole, StaffRole.role_id == Role.id).where(StaffRole.staff_id == staff_id)
    return list(db.session.scalars(query.order_by(Role.name)))


def refuse_more_than_own(actor: Actor, roles: Collection[Role]) -> None:
    """Refuse acts on roles that hold more than the actor does, unless the actor may change roles; raises HoldsMore."""
    if actor.kind is ActorKind.SYSTEM or actor.may(MANAGE_ROLES.code) or not roles:
        return
    query = sa.select(RolePermission.permission_code).where(RolePermission.role_id.in_([role.id for role in roles]))
    if set(db.session.scalars(query)) - actor.permissions:
        raise HoldsMore


def _change_roles(
    actor: Actor, staff: StaffUser, before: list[Role], role_codes: Collection[str], knowingly: bool
) -> list[Any]:
    after = _roles(role_codes)
    refuse_more_than_own(actor, after)
    check_roles_leave_one(actor, staff.id, [role.id for role in after], knowingly=knowingly)
    db.session.execute(sa.delete(StaffRole).where(StaffRole.staff_id == staff.id))
    db.session.execute(sa.insert(StaffRole), [{"staff_id": staff.id, "role_id": role.id} for role in after])
    end_sessions(actor, staff, "roles_changed")
    note_security(actor, "role.change", subject_type="staff_user", subject_id=staff.id, portal="hospital")
    return [sorted(role.code for role in before), sorted(role.code for role in after)]


def _create(
    actor: Actor, username: str, password_hash: str, facts: StaffFacts, role_codes: tuple[str, ...]
) -> StaffUser:
    _refuse_above_limit()
    roles = _roles(role_codes)
    refuse_more_than_own(actor, roles)
    staff = StaffUser(
        username=username.strip().lower(),
        password_hash=password_hash,
        created_by=actor.id,
        locale=bound_hospital().locale,
        **{field.name: getattr(facts, field.name) for field in fields(StaffFacts)},
    )
    try:
        with db.session.begin_nested():
            db.session.add(staff)
    except IntegrityError:
        raise InvalidValue(_l("This sign-in name is taken."), field="username") from None
    db.session.execute(sa.insert(StaffRole), [{"staff_id": staff.id, "role_id": role.id} for role in roles])
    record_change(
        actor,
        "staff.create",
        subject_type="staff_user",
        subject_id=staff.id,
        changes={"roles": [None, sorted(role_codes)]},
        event={},
    )
    return staff


def _roles(role_codes: Collection[str]) -> list[Role]:
    roles = list(db.session.scalars(sa.select(Role).where(Role.code.in_(role_codes))))
    if not roles or len(roles) != len(set(role_codes)):
        raise InvalidValue(_l("Choose roles that the hospital has."), field="roles")
    return roles


def _checked(facts: StaffFacts, *, without_address: bool = False) -> StaffFacts:
    if not facts.full_name.strip():
        raise InvalidValue(_l("Enter the full name."), field="full_name")
    if facts.email or not without_address:
        check_administrator_address(facts.email or "")
    if facts.department_id is not None and db.session.get(Department, facts.department_id) is None:
        raise InvalidValue(_l("Choose a department of the hospital."), field="department")
    return facts


def _refuse_above_limit() -> None:
    most = bound_hospital().max_users
    if most is None:
        return
    bind = {"mapper": StaffUser}
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATING)), bind_arguments=bind)
    in_use = sa.select(sa.func.count(StaffUser.id)).where(
        StaffUser.deleted_at.is_(None), StaffUser.disabled_at.is_(None)
    )
    if (db.session.scalar(in_use) or 0) >= most:
        raise TooManyUsers(most)
