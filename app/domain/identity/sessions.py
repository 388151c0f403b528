"""Sessions as rows: beginning, finding and ending them, for staff, patients and operators alike.

Only digests of tokens are kept. A session ends by sign-out, by idleness, at its absolute limit, and with its account;
a limit that is shortened counts at the next request (ASVS 5.0, 7.3.1, 7.3.2, 7.4.1, 7.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import WHILE_READING, db
from app.core.ids import hash_token, new_token
from app.core.live import ask_again
from app.core.permissions import Bounds
from app.domain.access.models import RoleFieldRule
from app.domain.access.rules import bounds_from
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
from app.tenancy.binding import find_bound_hospital
from app.tenancy.models import PlatformSession, PlatformUser, PlatformUserPermission
from app.tenancy.policies import account_policy

TOUCH_EVERY = timedelta(minutes=1)
LONGEST_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """Where the sessions of a portal's people are kept, and which column says whose they are."""

    model: Any
    owner: str
    account: Any

    @property
    def owned_by(self) -> Any:
        """Return the column that names the account."""
        return getattr(self.model, self.owner)


KINDS = {
    "admin": Kind(PlatformSession, "user_id", PlatformUser),
    "hospital": Kind(StaffSession, "staff_id", StaffUser),
    "patient": Kind(PatientSession, "patient_user_id", PatientUser),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """By which grant of the hospital an operator is inside it, and until when at the latest."""

    grant_id: UUID
    until: datetime


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
    proven_at: datetime | None = None
    visit: Visit | None = None
    bounds: Bounds | None = None
    renews: bool = False


def _alive(model: Any) -> list[sa.ColumnElement[bool]]:
    return [
        model.token_hash == sa.bindparam("token_hash"),
        model.ended_at.is_(None),
        model.expires_at > sa.bindparam("now"),
        model.created_at > sa.bindparam("begun_after"),
        model.last_seen_at > sa.bindparam("used_after"),
    ]


def _now(portal: str, token: str) -> dict[str, Any]:
    now, policy = clock.now(), account_policy(portal)
    return {
        "token_hash": hash_token(token),
        "now": now,
        "begun_after": now - policy.absolute,
        "used_after": now - policy.idle,
    }


STAFF_PERMISSIONS = (
    sa.select(sa.func.array_agg(sa.distinct(RolePermission.permission_code + " " + sa.cast(Role.scope, sa.Text))))
    .select_from(StaffRole)
    .join(Role, Role.id == StaffRole.role_id)
    .join(RolePermission, RolePermission.role_id == Role.id)
    .where(StaffRole.staff_id == StaffUser.id)
    .scalar_subquery()
)
STAFF_FIELDS = (
    sa.select(sa.func.array_agg(sa.distinct(RoleFieldRule.field + " " + sa.cast(RoleFieldRule.access, sa.Text))))
    .join(StaffRole, StaffRole.role_id == RoleFieldRule.role_id)
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
        StaffSession.proven_at,
        StaffUser.id,
        StaffUser.full_name,
        StaffUser.department_id,
        STAFF_PERMISSIONS,
        _STAFF_ROLES,
        STAFF_FIELDS,
        StaffSession.renews,
    )
    .join(StaffUser, StaffUser.id == StaffSession.staff_id)
    .where(*_alive(StaffSession), StaffUser.disabled_at.is_(None), StaffUser.deleted_at.is_(None))
)
_PATIENT = (
    sa.select(
        PatientSession.id,
        PatientSession.last_seen_at,
        PatientSession.proven_at,
        PatientUser.id,
        Patient.full_name,
        Patient.id,
    )
    .join(PatientUser, PatientUser.id == PatientSession.patient_user_id)
    .join(Patient, Patient.id == PatientUser.patient_id)
    .where(*_alive(PatientSession), PatientUser.disabled_at.is_(None), Patient.deleted_at.is_(None))
)
_OPERATOR = (
    sa.select(
        PlatformSession.id,
        PlatformSession.last_seen_at,
        PlatformSession.proven_at,
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
    row = db.session.execute(_STAFF, _now("hospital", token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, proven_at, staff_id, name, department_id, held, roles, fields, renews = row
    if in_use:
        _touch(StaffSession, session_id, seen_at)
    bounds = bounds_from(staff_id, department_id, held or (), fields or ())
    return SignedIn(
        session_id,
        staff_id,
        name,
        frozenset(bounds.scopes),
        tuple(roles or ()),
        department_id,
        proven_at=proven_at,
        bounds=bounds,
        renews=renews,
    )


def find_patient(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the patient whose valid session a token is, or None; polling does not count as use."""
    row = db.session.execute(_PATIENT, _now("patient", token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, proven_at, account_id, name, patient_id = row
    if in_use:
        _touch(PatientSession, session_id, seen_at)
    return SignedIn(session_id, account_id, name, PATIENT_PERMISSIONS, patient_id=patient_id, proven_at=proven_at)


def find_operator(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the operator whose valid session a token is, or None; polling does not count as use."""
    row = db.session.execute(_OPERATOR, _now("admin", token)).one_or_none()
    if row is None:
        return None
    session_id, seen_at, proven_at, user_id, name, role, permissions = row
    if in_use:
        _touch(PlatformSession, session_id, seen_at)
    role_names = (str(OPERATOR_ROLES[role]),)
    return SignedIn(session_id, user_id, name, frozenset(permissions or ()), role_names, proven_at=proven_at)


def begin_session(
    portal: str,
    actor: Actor,
    account_id: UUID,
    *,
    user_agent: str | None,
    second_factor: str | None = None,
    device_hash: bytes | None = None,
) -> str:
    """Begin a session for an account and return its token, which is shown this once."""
    kind, token, now = KINDS[portal], new_token(), clock.now()
    db.session.add(
        kind.model(
            **{kind.owner: account_id},
            token_hash=hash_token(token),
            created_at=now,
            last_seen_at=now,
            expires_at=now + account_policy(portal).absolute,
            proven_at=now,
            second_factor=second_factor,
            device_hash=device_hash,
            address=actor.address,
            user_agent=(user_agent or "")[:LONGEST_USER_AGENT] or None,
        )
    )
    db.session.flush()
    return token


def renew_token(portal: str, session_id: UUID, token: str, *, proven: bool) -> str | None:
    """Exchange a session's token for a new one, and the old one is nobody's; None where somebody was faster.

    Of several at once who have just proven who they are, as by pressing a button twice, the last one has the session.
    Its limits stay: a session cannot be prolonged by it (ASVS 5.0, 7.2.4).
    """
    model, renewed = KINDS[portal].model, new_token()
    values: dict[str, Any] = {"token_hash": hash_token(renewed)} | ({"proven_at": clock.now()} if proven else {})
    unchanged = [] if proven else [model.token_hash == hash_token(token)]
    if portal == "hospital":
        values["renews"] = False
    query = (
        sa.update(model)
        .where(model.id == session_id, model.ended_at.is_(None), *unchanged)
        .values(**values)
        .returning(model.id)
    )
    found = db.session.scalar(query, execution_options=WHILE_READING)
    return renewed if found is not None else None


def end_session(portal: str, session_id: UUID, reason: str = "signed_out") -> None:
    """End a session now."""
    model = KINDS[portal].model
    query = sa.update(model).where(model.id == session_id, model.ended_at.is_(None))
    db.session.execute(query.values(ended_at=clock.now(), ended_reason=reason))
    check_streams(portal)


def check_streams(portal: str) -> None:
    """Have open streams of a portal's people checked when the unit of work has committed: somebody lost a right."""
    hospital = find_bound_hospital()
    code = None if portal == "admin" or hospital is None else hospital.code
    after_commit(lambda: ask_again(hospital=code))


def _touch(model: Any, session_id: UUID, seen_at: datetime) -> None:
    """Remember that the session is in use, at most once a minute."""
    now = clock.now()
    if now - seen_at > TOUCH_EVERY:
        query = sa.update(model).where(model.id == session_id).values(last_seen_at=now)
        db.session.execute(query, execution_options=WHILE_READING)
