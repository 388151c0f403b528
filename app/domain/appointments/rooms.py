"""The room of one visit, where it is another than the doctor's hours say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.appointments.booking_turns import ROOM_AT_ONCE
from app.domain.appointments.errors import NotCancellable, RoomTaken
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.visits import hold_visit
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import CHECK_IN
from app.domain.organisation.models import Room

MOST_ROOMS = 500


def list_rooms() -> Sequence[Any]:
    """Return the rooms in use."""
    query = sa.select(Room.id, Room.name).where(Room.closed_at.is_(None))
    return db.session.execute(query.order_by(Room.position, Room.name).limit(MOST_ROOMS)).all()


def change_room(actor: Actor, appointment_id: UUID, room_id: UUID | None, version: int) -> None:
    """Have a visit in another room, or in none; raises RoomTaken, StaleVersion, InvalidValue or NotCancellable."""
    visit = hold_visit(appointment_id)
    actor = authorise(actor, visit.patient_id, CHECK_IN)
    if visit.room_id == room_id:
        return
    if visit.status not in (AppointmentStatus.BOOKED, AppointmentStatus.ARRIVED):
        raise NotCancellable
    if visit.version != version:
        raise StaleVersion
    if room_id is not None and all(row.id != room_id for row in list_rooms()):
        raise InvalidValue(_l("Choose from what the page offers."), field="room")
    before = visit.room_id
    try:
        with db.session.begin_nested():
            visit.room_id, visit.updated_by = room_id, actor.id
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) == ROOM_AT_ONCE:
            raise RoomTaken from error
        raise
    record_change(
        actor,
        "appointment.room",
        subject_type="appointment",
        subject_id=visit.id,
        patient_id=visit.patient_id,
        changes={"room_id": [str(before) if before else None, str(room_id) if room_id else None]},
        event={"patient_id": str(visit.patient_id), "doctor_id": str(visit.doctor_id)},
    )
