"""Counting how much a hospital was used on a day of its own calendar, and telling the centre: counts, never of whom."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import ActorKind
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.delivery import SINCE
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.audit.outbox import find_newest
from app.tenancy.binding import bind_hospital, bound_hospital, has_revision, tenancy
from app.tenancy.usage import UsageFacts, find_untold_days, take_usage

REGISTERED = "patient.register"


def tell_usage(code: str) -> int:
    """Count the days that the centre does not know whole, and tell it; return how many."""
    hospital = tenancy().registry.get_by_code(code)
    with unit_of_work():
        days = find_untold_days(hospital.id, clock.today(ZoneInfo(hospital.timezone)))
    with bind_hospital(code):
        if not has_revision(SINCE):
            return 0
        with unit_of_work():
            told = [count_day(day) for day in days]
    with unit_of_work():
        take_usage(hospital.id, told)
    return len(told)


def count_day(day: date) -> UsageFacts:
    """Count one day of the bound hospital."""
    zone = ZoneInfo(bound_hospital().timezone)
    begin, end = (datetime.combine(day + timedelta(days=further), time(), zone) for further in (0, 1))
    looks, seen = _looks(begin, end)
    changed = sa.and_(AuditEntry.at >= begin, AuditEntry.at < end)
    visits = sa.and_(Appointment.starts_at >= begin, Appointment.starts_at < end)
    stood = Appointment.status.not_in((AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW))
    done = Appointment.status == AppointmentStatus.COMPLETED
    row = db.session.execute(
        sa.select(
            sa.select(sa.func.count()).where(changed).scalar_subquery(),
            sa.select(sa.func.count()).where(changed, AuditEntry.action == REGISTERED).scalar_subquery(),
            sa.select(sa.func.count(Appointment.id)).where(visits, stood).scalar_subquery(),
            sa.select(sa.func.count(Appointment.id)).where(visits, done).scalar_subquery(),
            sa.func.pg_database_size(sa.func.current_database()),
        ),
        bind_arguments={"mapper": AuditEntry},
    ).one()
    changes, registered, appointments, completed, size = row
    return UsageFacts(
        day=day,
        source_position=find_newest(),
        active_staff=seen.get(ActorKind.STAFF, 0),
        active_patients=seen.get(ActorKind.PATIENT, 0),
        patients_registered=registered,
        appointments=appointments,
        visits_completed=completed,
        looks=looks,
        changes=changes,
        storage_bytes=size,
    )


def _looks(begin: datetime, end: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Return the pages with patients' data by who looked, and how many people looked or changed something."""
    both = [
        sa.select(log.actor_kind, log.actor_id, sa.literal(log is AccessEntry).label("look")).where(
            log.at >= begin, log.at < end
        )
        for log in (AccessEntry, AuditEntry)
    ]
    acts = sa.union_all(*both).subquery("acts")
    query = sa.select(
        acts.c.actor_kind, sa.func.count().filter(acts.c.look), sa.func.count(acts.c.actor_id.distinct())
    ).group_by(acts.c.actor_kind)
    rows = db.session.execute(query, bind_arguments={"mapper": AuditEntry}).all()
    return {kind: looks for kind, looks, _ in rows if looks}, {kind: people for kind, _, people in rows}
