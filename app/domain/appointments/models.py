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


class DoctorSchedule(Identified, Edited, HospitalModel):
    """Hours of a weekday in which a doctor sees patients of a department, cut into slots."""

    __tablename__ = "doctor_schedules"

    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    weekday: Mapped[int] = mapped_column(doc="0 is Monday")
    starts: Mapped[time]
    ends: Mapped[time]
    slot_minutes: Mapped[int]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]

    __table_args__ = (
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        sa.CheckConstraint("ends > starts", name="ends_after_start"),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
        sa.CheckConstraint("valid_until >= valid_from", name="valid_until_after_from"),
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
    """A visit of a patient to a doctor."""

    __tablename__ = "appointments"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'LH-' || lpad(nextval('appointment_code_seq')::text, 6, '0')")
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

    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason_has_text"),
        ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=_STANDS,
            using="gist",
            name="ex_appointments_doctor_at_once",
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
    )
