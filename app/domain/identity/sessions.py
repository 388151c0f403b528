"""Sessions as rows: beginning, finding and ending them, for staff, patients and operators alike.

Only digests of tokens are kept. A session ends by sign-out, by idleness, at its absolute limit, and with its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import WHILE_READING, db
from app.core.ids import hash_token, new_token
from app.domain.identity.models import (
    PatientSession,
    PatientUser,
    Role,
    RolePermission,
    StaffRole,
    StaffSession,
    StaffUser,
)
from app.domain.identity.permissions import OPERATOR_ROLES, PATIENT_PERMISSIONS
from app.domain.patients.models import Patient
from app.tenancy.models import PlatformSession, PlatformUser, PlatformUserPermission

TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lives without use, and at most."""

    idle: timedelta
    absolute: timedelta


STAFF_LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
PATIENT_LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
OPERATOR_LIMITS = Limits(idle=timedelta(minutes=20), absolute=timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a valid session says of its person."""

    session_id: UUID
    account_id: UUID
    name: str
    permissions: frozenset[str]
    role_names: tuple[str, ...] = ()
    department_id: UUID | None = None
    patient_id: UUID | None = None


def _alive(model: Any) -> list[sa.ColumnElement[bool]]:
    return [
        model.token_hash == sa.bindparam("token_hash"),
        model.ended_at.is_(None),
        model.expires_at > sa.bindparam("now"),
        model.last_seen_at > sa.bindparam("used_after"),
    ]


def _now(limits: Limits, token: str) -> dict[str, Any]:
    now = clock.now()
    return {"token_hash": hash_token(token), "now": now, "used_after": now - limits.idle}


_STAFF_PERMISSIONS = (
    sa.select(sa.func.array_agg(sa.distinct(RolePermission.permission_code)))
    .join(StaffRole, StaffRole.role_id == RolePermission.role_id)
    .where(StaffRole.staff_id == StaffUser.id)
    .scalar_subquery()
)
_STAFF_ROLES = (
    sa.select(sa.func.array_agg(Role.name))
    .join(StaffRole, StaffRole.role_id == Role.id)
    .where(StaffRole.staff_id == StaffUser.id)
    .scalar_subquery()
)
_OPERATOR_PERMISSIONS = (
    sa.select(sa.func.array_agg(PlatformUserPermission.permission_code))
    .where(PlatformUserPermission.user_id == PlatformUser.id)
    .scalar_subquery()
)


# Every request of somebody who is signed in asks one of these: they are put together once.
_STAFF = (
    sa.select(
        StaffSession.id,
        StaffSession.last_seen_at,
        StaffUser.id,
        StaffUser.full_name,
        StaffUser.department_id,
        _STAFF_PERMISSIONS,
        _STAFF_ROLES,
    )
    .join(StaffUser, StaffUser.id == StaffSession.staff_id)
    .where(*_alive(StaffSession), StaffUser.disabled_at.is_(None), StaffUser.deleted_at.is_(None))
)
_PATIENT = (
    sa.select(PatientSession.id, PatientSession.last_seen_at, PatientUser.id, Patient.full_name, Patient.id)
    .join(PatientUser, PatientUser.id == PatientSession.patient_user_id)
    .join(Patient, Patient.id == PatientUser.patient_id)
    .where(*_alive(PatientSession), PatientUser.disabled_at.is_(None), Patient.deleted_at.is_(None))
)
_OPERATOR = (
    sa.select(
        PlatformSession.id,
        PlatformSession.last_seen_at,
        PlatformUser.id,
        PlatformUser.full_name,
        PlatformUser.role,
        _OPERATOR_PERMISSIONS,
    )
    .join(PlatformUser, PlatformUser.id == PlatformSession.user_id)
    .where(*_alive(PlatformSession), PlatformUser.disabled_at.is_(None))
)


def find_staff(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the member of staff whose valid session a token is, or None; polling does not count as use."""
    row = db.session.execute(_STAFF, _now(STAFF_LIMITS, token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, staff_id, name, department_id, permissions, roles = row
    if in_use:
        _touch(StaffSession, session_id, seen_at)
    return SignedIn(session_id, staff_id, name, frozenset(permissions or ()), tuple(roles or ()), department_id)


def find_patient(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the patient whose valid session a token is, or None; polling does not count as use."""
    row = db.session.execute(_PATIENT, _now(PATIENT_LIMITS, token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, account_id, name, patient_id = row
    if in_use:
        _touch(PatientSession, session_id, seen_at)
    return SignedIn(session_id, account_id, name, PATIENT_PERMISSIONS, patient_id=patient_id)


def find_operator(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the operator whose valid session a token is, or None; polling does not count as use."""
    row = db.session.execute(_OPERATOR, _now(OPERATOR_LIMITS, token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, user_id, name, role, permissions = row
    if in_use:
        _touch(PlatformSession, session_id, seen_at)
    return SignedIn(session_id, user_id, name, frozenset(permissions or ()), (str(OPERATOR_ROLES[role]),))


def begin_session(model: Any, limits: Limits, actor: Actor, user_agent: str | None, **owner: UUID) -> str:
    """Begin a session for an account and return its token, which is shown this once."""
    token, now = new_token(), clock.now()
    db.session.add(
        model(
            token_hash=hash_token(token),
            created_at=now,
            last_seen_at=now,
            expires_at=now + limits.absolute,
            address=actor.address,
            user_agent=(user_agent or "")[:300] or None,
            **owner,
        )
    )
    db.session.flush()
    return token


def end_session(model: Any, session_id: UUID) -> None:
    """End a session now."""
    db.session.execute(sa.update(model).where(model.id == session_id).values(ended_at=clock.now()))


def _touch(model: Any, session_id: UUID, seen_at: datetime) -> None:
    """Remember that the session is in use, at most once a minute."""
    now = clock.now()
    if now - seen_at > TOUCH_EVERY:
        query = sa.update(model).where(model.id == session_id).values(last_seen_at=now)
        db.session.execute(query, execution_options=WHILE_READING)
