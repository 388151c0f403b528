"""What a demo hospital has set up of itself: a building, a room for each doctor, types of visits, public holidays."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentType
from app.domain.organisation.models import Facility, Holiday, Room
from app.domain.organisation.opening import list_fixed_holidays

ROOMS_ON_A_FLOOR = 8
TYPES = (
    ("KHAM-DAU", "Khám lần đầu", "First visit", 30, None),
    ("TAI-KHAM", "Tái khám", "Follow-up", 15, None),
    ("THU-THUAT", "Thủ thuật nhỏ", "Minor procedure", 45, 6),
)


def write_organisation(doctors: Iterable[tuple[UUID, UUID]], today: date) -> dict[UUID, UUID]:
    """Set up the hospital for its doctors (each with their department), and return the room of each doctor."""
    building = Facility(code="A", name="Tòa nhà A", position=1)
    db.session.add(building)
    db.session.flush()
    rooms = {}
    for number, (doctor_id, department_id) in enumerate(doctors):
        floor, door = number // ROOMS_ON_A_FLOOR + 1, number % ROOMS_ON_A_FLOOR + 1
        room = Room(
            code=f"P{floor}{door:02d}",
            name=f"Phòng {floor}{door:02d}",
            department_id=department_id,
            facility_id=building.id,
            floor=str(floor),
            position=number,
        )
        db.session.add(room)
        db.session.flush()
        rooms[doctor_id] = room.id
    rows = [
        {"id": new_id(), "code": code, "name": name, "name_en": name_en, "minutes": minutes, "daily_capacity": most}
        for code, name, name_en, minutes, most in TYPES
    ]
    db.session.execute(sa.insert(AppointmentType), rows)
    holidays = [{"id": new_id(), "day": day, "name": name} for day, name in list_fixed_holidays(today)]
    db.session.execute(sa.insert(Holiday), holidays)
    return rooms
