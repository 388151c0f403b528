"""What belongs to the plan of the day in the small world: building, room, type of visit, holiday, absence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import AppointmentType, ScheduleException
from app.domain.organisation.models import Facility, Holiday, Room

FACILITY, ROOM, VISIT_TYPE, HOLIDAY, ABSENCE = range(771, 776)

MakeId = Callable[[int], UUID]


def build_organisation(make_id: MakeId, doctor_id: UUID, canary: str, series: int) -> None:
    """Give a hospital what its administrators set up; the holiday is long ago, the absence next year."""
    long_ago, next_year = clock.now().date() - timedelta(days=4000 + series), clock.now() + timedelta(days=360)
    db.session.add_all(
        [
            Facility(id=make_id(FACILITY), code=f"F{series}", name=canary),
            Room(id=make_id(ROOM), code=f"R{series}", name=canary),
            AppointmentType(id=make_id(VISIT_TYPE), code=f"T{series}", name=canary, minutes=15),
            Holiday(id=make_id(HOLIDAY), day=long_ago, name=canary),
            ScheduleException(
                id=make_id(ABSENCE),
                doctor_id=doctor_id,
                starts_at=next_year,
                ends_at=next_year + timedelta(hours=1),
                reason=canary,
            ),
        ]
    )
    db.session.flush()
