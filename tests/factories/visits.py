"""Doctors' hours and visits."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia, DoctorSchedule
from tests.factories.people import department_id, make_patient, make_staff


def make_schedule(
    doctor_id: UUID, *, department: str = "NOI", weekdays: tuple[int, ...] = tuple(range(7)), **facts: Any
) -> list[DoctorSchedule]:
    """Give a doctor hours from 7 to 17 on every day, in slots of 30 minutes."""
    hours = [
        DoctorSchedule(
            **{
                "doctor_id": doctor_id,
                "department_id": department_id(department),
                "weekday": weekday,
                "starts": time(7),
                "ends": time(17),
                "slot_minutes": 30,
                "valid_from": date(2020, 1, 1),
                **facts,
            }
        )
        for weekday in weekdays
    ]
    db.session.add_all(hours)
    db.session.flush()
    return hours


def make_appointment(
    *, doctor_id: UUID | None = None, patient_id: UUID | None = None, starts_at: datetime | None = None, **facts: Any
) -> Appointment:
    """Make a booked visit of half an hour, by default beginning in an hour."""
    starts_at = starts_at or clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    appointment = Appointment(
        **{
            "doctor_id": doctor_id or make_staff("doctor").id,
            "patient_id": patient_id or make_patient().id,
            "department_id": department_id(),
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=30),
            "status": AppointmentStatus.BOOKED,
            "reason": "Đau đầu",
            "booked_via": BookedVia.DESK,
            **facts,
        }
    )
    db.session.add(appointment)
    db.session.flush()
    db.session.refresh(appointment)
    return appointment
