"""Doctors' hours and the visits booked in them. The database itself refuses two visits at once."""

from __future__ import annotations

import enum
from datetime import date, datetime, time
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class AppointmentStatus(enum.StrEnum):
    BOOKED = "booked"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class BookedVia(enum.StrEnum):
    PATIENT_PORTAL = "patient_portal"
    DESK = "desk"


class ConfirmedVia(enum.StrEnum):
    """How a patient said that they will come."""

    LINK = "link"
    SMS = "sms"
    PORTAL = "portal"
    DESK = "desk"


class VisitKind(enum.StrEnum):
    """How a visit came about: arranged beforehand, without, in an emergency, or as the next after another one."""

    PLANNED = "planned"
    WALK_IN = "walk_in"
    EMERGENCY = "emergency"
    FOLLOW_UP = "follow_up"


class AppointmentType(Identified, Edited, Versioned, HospitalModel):
    """A kind of visit with its own length, and with how many of it a doctor does on one day."""

    __tablename__ = "appointment_types"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    minutes: Mapped[int]
    daily_capacity: Mapped[int | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("minutes BETWEEN 5 AND 240", name="minutes"),
        sa.CheckConstraint("daily_capacity BETWEEN 1 AND 500", name="daily_capacity"),
    )


class DoctorSchedule(Identified, Edited, HospitalModel):
    """Hours of a weekday in which a doctor sees patients of a department, cut into slots.

    `capacity` patients may have the same slot; `overbook_max` more where the desk has to squeeze somebody in.
    """

    __tablename__ = "doctor_schedules"

    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    weekday: Mapped[int] = mapped_column(doc="0 is Monday")
    starts: Mapped[time]
    ends: Mapped[time]
    slot_minutes: Mapped[int]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    room_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("rooms.id"))
    capacity: Mapped[int] = mapped_column(default=1, server_default="1")
    overbook_max: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        sa.CheckConstraint("ends > starts", name="ends_after_start"),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
        sa.CheckConstraint("valid_until >= valid_from", name="valid_until_after_from"),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10", name="capacity"),
        sa.CheckConstraint("overbook_max BETWEEN 0 AND 5", name="overbook_max"),
        ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.column("weekday"), "="),
            (sa.column("doctor_id"), "<>"),
            (sa.text("int4range(extract(epoch FROM starts)::int, extract(epoch FROM ends)::int)"), "&&"),
            (sa.text("daterange(valid_from, valid_until, '[]')"), "&&"),
            where=sa.text("room_id IS NOT NULL"),
            using="gist",
            name="ex_doctor_schedules_room_at_once",
        ),
        sa.Index("ix_doctor_schedules_room_id", "room_id", postgresql_where=sa.text("room_id IS NOT NULL")),
    )


class ScheduleException(Identified, Edited, HospitalModel):
    """A time in which a doctor, though scheduled, is not there."""

    __tablename__ = "schedule_exceptions"

    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.Index("ix_schedule_exceptions_doctor_id_starts_at", "doctor_id", "starts_at"),
    )


_STANDS = sa.text("status NOT IN ('cancelled', 'no_show')")


class Appointment(Identified, Edited, Versioned, HospitalModel):
    """A visit of a patient to a doctor.

    `place` tells patients of one slot apart: the first has 1, and more than one only where the doctor's hours allow it.
    """

    __tablename__ = "appointments"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'LH-' || to_char(nextval('appointment_code_seq'), 'FM999999999000000')")
    )
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[AppointmentStatus] = mapped_column(default=AppointmentStatus.BOOKED)
    reason: Mapped[str]
    booked_via: Mapped[BookedVia]
    arrived_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    confirmed_via: Mapped[ConfirmedVia | None]
    kind: Mapped[VisitKind] = mapped_column(default=VisitKind.PLANNED, server_default="planned")
    place: Mapped[int] = mapped_column(sa.SmallInteger, default=1, server_default="1")
    type_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointment_types.id"))
    schedule_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("doctor_schedules.id"))
    room_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("rooms.id"))
    follows_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointments.id"))
    series_id: Mapped[UUID | None]

    __table_args__ = (
        sa.CheckConstraint("place BETWEEN 1 AND 20", name="place"),
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason_has_text"),
        ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.column("place"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=_STANDS,
            using="gist",
            name="ex_appointments_doctor_at_once",
        ),
        ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.column("doctor_id"), "<>"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("room_id IS NOT NULL AND status NOT IN ('cancelled', 'no_show')"),
            using="gist",
            name="ex_appointments_room_at_once",
        ),
        ExcludeConstraint(
            (sa.column("patient_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=_STANDS,
            using="gist",
            name="ex_appointments_patient_at_once",
        ),
        sa.Index("ix_appointments_doctor_id_starts_at", "doctor_id", "starts_at"),
        sa.Index("ix_appointments_department_id_starts_at", "department_id", "starts_at"),
        sa.Index("ix_appointments_patient_id_starts_at", "patient_id", "starts_at"),
        sa.Index("ix_appointments_starts_at", "starts_at"),
        *(
            sa.Index(f"ix_appointments_{name}", name, postgresql_where=sa.text(f"{name} IS NOT NULL"))
            for name in ("type_id", "schedule_id", "room_id", "follows_id", "series_id")
        ),
    )
