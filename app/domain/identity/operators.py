"""Operators' accounts."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.identity.passwords import STAFF_LENGTH, check_new_password, hash_password
from app.domain.identity.permissions import OPERATOR_PRESETS
from app.tenancy.audit import record_platform_change
from app.tenancy.models import OperatorRole, PlatformUser, PlatformUserPermission


def create_operator(
    actor: Actor, *, username: str, full_name: str, email: str, role: OperatorRole, password: str
) -> PlatformUser:
    """Create an operator with the permissions of a role; raises InvalidValue for a weak password."""
    check_new_password(password, shortest=STAFF_LENGTH)
    user = PlatformUser(
        username=username.strip().lower(),
        full_name=full_name,
        email=email,
        role=role,
        password_hash=hash_password(password),
        created_by=actor.id,
    )
    db.session.add(user)
    db.session.flush()
    db.session.execute(
        sa.insert(PlatformUserPermission),
        [{"user_id": user.id, "permission_code": code} for code in sorted(OPERATOR_PRESETS[role])],
    )
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
