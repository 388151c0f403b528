"""Operators' accounts: made, invited, given a role. Operators see how hospitals do, never what hospitals know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.identity.administrators import USERNAME, check_administrator_address
from app.domain.identity.browsers import end_sessions
from app.domain.identity.invitations import invite
from app.domain.identity.last_administrator import check_operator_remains
from app.domain.identity.noting import note_security
from app.domain.identity.passwords import NO_PASSWORD, STAFF_LENGTH, check_new_password, hash_password, words_in
from app.domain.identity.permissions import MANAGE_OPERATORS, OPERATOR_PRESETS
from app.domain.identity.staff_queries import AccountState, state_column
from app.domain.paging import Page, offset_of
from app.tenancy.audit import record_platform_change
from app.tenancy.models import OperatorRole, PlatformPasskey, PlatformUser, PlatformUserPermission

PER_PAGE = 50
LATEST_PAGE = 1_000


class OwnRole(Conflict):
    title = _l("This is your own account")
    default_message = _l("Nobody changes their own role.")
    remedy = _l("Ask another operator.")


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """An operator in the list."""

    id: UUID
    username: str
    full_name: str
    email: str
    role: OperatorRole
    state: AccountState
    has_second_factor: bool
    last_sign_in_at: datetime | None


def create_operator(
    actor: Actor, *, username: str, full_name: str, email: str, role: OperatorRole, password: str
) -> PlatformUser:
    """Create an operator with the permissions of a role; raises InvalidValue for a weak password."""
    check_new_password(password, shortest=STAFF_LENGTH, about=words_in(username, full_name, email))
    username, password_hash = username.strip().lower(), hash_password(password)
    return _create(actor, role, username=username, full_name=full_name, email=email, password_hash=password_hash)


def invite_operator(actor: Actor, *, username: str, full_name: str, email: str, role: OperatorRole) -> PlatformUser:
    """Create an operator who chooses the password by a link that is sent; raises InvalidValue."""
    username = username.strip().lower()
    if not USERNAME.match(username):
        raise InvalidValue(
            _l("Use 3 to 50 lower-case letters, digits, dots and hyphens, beginning with a letter."), field="username"
        )
    if not full_name.strip():
        raise InvalidValue(_l("Enter the full name."), field="full_name")
    check_administrator_address(email)
    try:
        with db.session.begin_nested():
            user = _create(actor, role, username=username, full_name=full_name, email=email, password_hash=NO_PASSWORD)
    except IntegrityError:
        raise InvalidValue(_l("This sign-in name is taken."), field="username") from None
    invite(actor, user)
    return user


def change_role(actor: Actor, user_id: UUID, role: OperatorRole) -> PlatformUser:
    """Give an operator the permissions of another role and end their sessions; raises OwnRole or LastAdministrator."""
    user = get_operator(user_id)
    if actor.id == user_id:
        raise OwnRole
    if user.role is role:
        return user
    if MANAGE_OPERATORS.code not in OPERATOR_PRESETS[role]:
        check_operator_remains(user_id)
    before, user.role, user.updated_by = user.role, role, actor.id
    db.session.execute(sa.delete(PlatformUserPermission).where(PlatformUserPermission.user_id == user_id))
    db.session.flush()
    _give_permissions(user)
    end_sessions(actor, user, "roles_changed")
    record_platform_change(
        db.session(),
        actor,
        "operator.change_role",
        subject_type="platform_user",
        subject_id=user.id,
        changes={"role": [before.value, role.value]},
        risk="high",
    )
    note_security(actor, "role.change", subject_type="platform_user", subject_id=user.id, portal="admin")
    return user


def get_operator(user_id: UUID) -> PlatformUser:
    """Return an operator; raises NotFound."""
    user = db.session.get(PlatformUser, user_id)
    if user is None:
        raise NotFound
    return user


def get_operator_by_name(username: str) -> PlatformUser:
    """Return the operator with a sign-in name; raises NotFound."""
    user = db.session.scalar(sa.select(PlatformUser).where(PlatformUser.username == username.strip().lower()))
    if user is None:
        raise NotFound(_l("Nobody operates the platform under this name."))
    return user


def list_operators(text: str, page: int) -> Page[OperatorRow]:
    """Return a page of operators whose name, sign-in name or address holds a text."""
    page = min(max(page, 1), LATEST_PAGE)
    text = " ".join(text.replace("\0", "").split())[:100].lower()
    columns = (PlatformUser.username, sa.func.lower(PlatformUser.full_name), sa.func.lower(PlatformUser.email))
    conditions = [sa.or_(*(column.contains(text, autoescape=True) for column in columns))] if text else []
    has_passkey = sa.exists().where(PlatformPasskey.user_id == PlatformUser.id, PlatformPasskey.removed_at.is_(None))
    query = (
        sa.select(
            PlatformUser.id,
            PlatformUser.username,
            PlatformUser.full_name,
            PlatformUser.email,
            PlatformUser.role,
            state_column(PlatformUser),
            sa.or_(PlatformUser.totp_ciphertext.is_not(None), has_passkey),
            PlatformUser.last_sign_in_at,
        )
        .where(*conditions)
        .order_by(PlatformUser.full_name, PlatformUser.id)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = [OperatorRow(*row[:5], AccountState(row[5]), *row[6:]) for row in db.session.execute(query)]
    total = db.session.scalar(sa.select(sa.func.count(PlatformUser.id)).where(*conditions)) or 0
    return Page(rows, page, PER_PAGE, total)


def _create(
    actor: Actor, role: OperatorRole, *, username: str, full_name: str, email: str, password_hash: str
) -> PlatformUser:
    user = PlatformUser(
        username=username,
        full_name=full_name,
        email=email,
        role=role,
        password_hash=password_hash,
        created_by=actor.id,
    )
    db.session.add(user)
    db.session.flush()
    _give_permissions(user)
    record_platform_change(
        db.session(),
        actor,
        "operator.create",
        subject_type="platform_user",
        subject_id=user.id,
        changes={"role": [None, role.value]},
        risk="high",
    )
    return user


def _give_permissions(user: PlatformUser) -> None:
    db.session.execute(
        sa.insert(PlatformUserPermission),
        [{"user_id": user.id, "permission_code": code} for code in sorted(OPERATOR_PRESETS[user.role])],
    )
