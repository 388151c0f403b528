"""Noticing who opens many patients' records in a short time.

Only pages about one patient count: a worklist shows many, and everybody has one open all day.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.organisation.models import Setting
from app.domain.security.events import record_security_event
from app.domain.security.models import HospitalSecurityEvent

WITHIN = timedelta(minutes=10)
NOT_AGAIN_FOR = timedelta(hours=1)
SETTING = "security.many_records"
MANY = 40
KIND = "records.many"


def find_many_records() -> int:
    """Record an event for everybody who has opened too many patients lately, once an hour each; return how many."""
    now = clock.now()
    patient = sa.func.unnest(AccessEntry.patient_ids).label("patient_id")
    opened = (
        sa.select(AccessEntry.actor_kind, AccessEntry.actor_id, AccessEntry.actor_name, patient)
        .where(
            AccessEntry.at > now - WITHIN,
            AccessEntry.actor_kind.in_((ActorKind.STAFF.value, ActorKind.OPERATOR.value)),
            sa.func.cardinality(AccessEntry.patient_ids) == 1,
        )
        .subquery("opened")
    )
    told = (
        sa.select(HospitalSecurityEvent.id)
        .where(
            HospitalSecurityEvent.kind == KIND,
            HospitalSecurityEvent.actor_id == opened.c.actor_id,
            HospitalSecurityEvent.at > now - NOT_AGAIN_FOR,
        )
        .exists()
    )
    patients = sa.func.count(sa.distinct(opened.c.patient_id))
    query = (
        sa.select(opened.c.actor_kind, opened.c.actor_id, sa.func.max(opened.c.actor_name), patients)
        .where(~told)
        .group_by(opened.c.actor_kind, opened.c.actor_id)
        .having(patients > many_records())
    )
    found = db.session.execute(query, bind_arguments={"mapper": AccessEntry}).all()
    for kind, actor_id, name, count in found:
        details = {"patients": count, "minutes": int(WITHIN.total_seconds() // 60)}
        record_security_event(Actor(ActorKind(kind), actor_id, name), KIND, details=details)
    return len(found)


def many_records() -> int:
    """Return above how many patients in ten minutes it is many: the hospital's setting, or ours."""
    value = db.session.scalar(sa.select(Setting.value).where(Setting.key == SETTING))
    return int(value["patients"]) if value else MANY
