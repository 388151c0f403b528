"""How much hospitals are used, by day: what they told of themselves, in counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.tenancy.models import Hospital, HospitalStatus, UsageDay
from app.tenancy.sync import refuse_inside_a_hospital

MOST_DAYS = 35


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """One day of a hospital's own calendar, counted when its outbox stood at a position."""

    day: date
    source_position: int
    active_staff: int
    active_patients: int
    patients_registered: int
    appointments: int
    visits_completed: int
    looks: dict[str, int]
    changes: int
    storage_bytes: int


def find_untold_days(hospital_id: UUID, today: date) -> list[date]:
    """Return the days to count: from the one that was told last, which was not over then, up to today."""
    last = db.session.scalar(sa.select(sa.func.max(UsageDay.day)).where(UsageDay.hospital_id == hospital_id))
    first = today - timedelta(days=MOST_DAYS - 1)
    first = max(first, min(last, today)) if last else first
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def take_usage(hospital_id: UUID, days: Sequence[UsageFacts]) -> None:
    """Write down what a hospital counted; of two counts of a day that of the later position in its outbox stands."""
    refuse_inside_a_hospital()
    if not days:
        return
    rows = [{"hospital_id": hospital_id, **asdict(day), "told_at": clock.now()} for day in days]
    made = insert(UsageDay).values(rows)
    told = {name: made.excluded[name] for name in rows[0] if name not in ("hospital_id", "day")}
    later = UsageDay.source_position <= made.excluded.source_position
    db.session.execute(made.on_conflict_do_update(index_elements=["hospital_id", "day"], set_=told, where=later))


def doubt_usage(hospital_id: UUID) -> None:
    """Have every day be overwritten by the next count: the hospital's outbox counts from an earlier place again."""
    db.session.execute(sa.update(UsageDay).where(UsageDay.hospital_id == hospital_id).values(source_position=0))


def list_usage(hospital_id: UUID, limit: int = MOST_DAYS) -> Sequence[UsageDay]:
    """Return a hospital's days, the newest first."""
    query = sa.select(UsageDay).where(UsageDay.hospital_id == hospital_id).order_by(UsageDay.day.desc())
    return db.session.scalars(query.limit(limit)).all()


def sum_usage(since: date, limit: int = 200) -> Sequence[Any]:
    """Return what each serving hospital told of the days since, the most used first."""
    query = (
        sa.select(
            Hospital.code,
            Hospital.display_name,
            sa.func.max(UsageDay.active_staff).label("active_staff"),
            sa.func.max(UsageDay.active_patients).label("active_patients"),
            sa.func.sum(UsageDay.patients_registered).label("patients_registered"),
            sa.func.sum(UsageDay.appointments).label("appointments"),
            sa.func.sum(UsageDay.visits_completed).label("visits_completed"),
            sa.func.sum(UsageDay.changes).label("changes"),
            sa.func.max(UsageDay.storage_bytes).label("storage_bytes"),
            sa.func.max(UsageDay.told_at).label("told_at"),
        )
        .join(UsageDay, UsageDay.hospital_id == Hospital.id)
        .where(Hospital.status == HospitalStatus.ACTIVE, UsageDay.day >= since)
        .group_by(Hospital.id)
        .order_by(sa.func.sum(UsageDay.appointments).desc(), Hospital.code)
        .limit(limit)
    )
    return db.session.execute(query).all()
