"""Staff accounts."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.identity.passwords import STAFF_LENGTH, check_new_password, hash_password
from app.tenancy.binding import bound_hospital

CREATING = 7_312_001  # one at a time, so that two at once do not both take the last place


class TooManyUsers(Conflict):
    """The plan allows no further account."""

    title = _l("No further staff account is allowed")

    def __init__(self, most: int) -> None:
        super().__init__(
            _l("The hospital's plan allows %(count)s staff accounts, and as many are in use.", count=most),
            remedy=_l("Close an account that nobody uses, or ask the operator of the platform for a larger plan."),
        )


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
    check_new_password(password, shortest=STAFF_LENGTH)
    _refuse_above_limit()
    roles = list(db.session.scalars(sa.select(Role).where(Role.code.in_(role_codes))))
    if len(roles) != len(set(role_codes)):
        raise InvalidValue(_l("Choose roles that the hospital has."), field="roles")
    staff = StaffUser(
        username=username.strip().lower(),
        full_name=full_name,
        email=email,
        department_id=department_id,
        specialization=specialization,
        licence_number=licence_number,
        password_hash=hash_password(password),
        created_by=actor.id,
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
