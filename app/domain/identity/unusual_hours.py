"""Noting the sign-in of staff and operators at an hour at which they never sign in."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.identity.models import StaffSession
from app.domain.identity.noting import SUBJECTS, note_security
from app.domain.security.unusual_hours import REMEMBERED, is_unusual_hour
from app.tenancy.binding import find_bound_hospital
from app.tenancy.models import PlatformSession

MOST_READ = 300
OPERATORS_ZONE = "Asia/Ho_Chi_Minh"


def note_unusual_hour(actor: Actor, portal: str, account_id: UUID) -> bool:
    """Record a sign-in that begins at an unusual hour, before its session is begun; patients have no such hours."""
    if portal == "patient":
        return False
    model: Any = PlatformSession if portal == "admin" else StaffSession
    owner = model.user_id if portal == "admin" else model.staff_id
    now = clock.now()
    earlier = db.session.scalars(
        sa.select(model.created_at)
        .where(owner == account_id, model.created_at > now - REMEMBERED)
        .order_by(model.created_at.desc())
        .limit(MOST_READ)
    ).all()
    hospital = find_bound_hospital()
    if not is_unusual_hour(now, earlier, ZoneInfo(hospital.timezone if hospital else OPERATORS_ZONE)):
        return False
    note_security(actor, "sign_in.unusual_hour", subject_type=SUBJECTS[portal], subject_id=account_id, portal=portal)
    return True
