"""Who waits for which times, the times that became free, and the offers made of them.

An open offer holds its time: the database refuses a visit there to anybody, and an offer where a visit stands.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class WaitingState(enum.StrEnum):
    """`placed` has an earlier visit now, `left` was taken off the list, `over` waited in vain until the last day."""

    WAITING = "waiting"
    PLACED = "placed"
    LEFT = "left"
    OVER = "over"


class OfferState(enum.StrEnum):
    """`withdrawn` is an offer that lost its sense before it was answered."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class AskedVia(enum.StrEnum):
    """Where somebody asked to be put on the list."""

    PATIENT_PORTAL = "patient_portal"
    DESK = "desk"


class FreedOutcome(enum.StrEnum):
    """What became of a time that was freed: accepted by somebody waiting, booked by another, or wanted by nobody."""

    ACCEPTED = "accepted"
    BOOKED = "booked"
    NOBODY = "nobody"
    PAST = "past"


class WaitingEntry(Identified, Edited, Versioned, HospitalModel):
    """A patient who waits for an earlier time, for a booked visit that would be moved or for a new one."""

    __tablename__ = "waiting_entries"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    appointment_id: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("appointments.id"), index=True, doc="the visit that an earlier time replaces"
    )
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    doctor_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"), index=True, doc="empty: any doctor")
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(sa.SmallInteger), doc="0 is Monday; empty: any day")
    from_time: Mapped[time]
    until_time: Mapped[time]
    first_day: Mapped[date]
    last_day: Mapped[date]
    reason: Mapped[str | None] = mapped_column(doc="of the new visit, where none is moved")
    state: Mapped[WaitingState] = mapped_column(default=WaitingState.WAITING)
    asked_via: Mapped[AskedVia]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("until_time > from_time", name="until_after_from"),
        sa.CheckConstraint("last_day >= first_day", name="last_after_first"),
        sa.CheckConstraint("weekdays <@ ARRAY[0,1,2,3,4,5,6]::smallint[]", name="weekdays"),
        sa.CheckConstraint("(appointment_id IS NULL) <> (reason IS NULL)", name="moves_or_books"),
        sa.Index(
            "ix_waiting_entries_department_id_created_at",
            "department_id",
            "created_at",
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(
            "uq_waiting_entries_once_per_visit",
            "appointment_id",
            unique=True,
            postgresql_where=sa.text("state = 'waiting'"),
        ),
    )


class FreedSlot(Identified, HospitalModel):
    """A time that a visit gave back, and that is offered until somebody takes it or nobody is left. Nobody's data."""

    __tablename__ = "freed_slots"

    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    freed_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    outcome: Mapped[FreedOutcome | None]

    __table_args__ = (
        sa.Index(
            "uq_freed_slots_once_at_a_time",
            "doctor_id",
            "starts_at",
            unique=True,
            postgresql_where=sa.text("settled_at IS NULL"),
        ),
    )


class SlotOffer(Identified, Edited, HospitalModel):
    """A freed time offered to one who waits, until a deadline; open, it holds one place of the time."""

    __tablename__ = "slot_offers"

    entry_id: Mapped[UUID] = mapped_column(sa.ForeignKey("waiting_entries.id"))
    freed_slot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("freed_slots.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    schedule_id: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("doctor_schedules.id"), doc="the hours that say how many places the time has; without, one"
    )
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[OfferState] = mapped_column(default=OfferState.OPEN)
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    appointment_id: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("appointments.id"), index=True, doc="the visit that stands there now"
    )

    __table_args__ = (
        sa.UniqueConstraint("entry_id", "freed_slot_id"),
        sa.Index("ix_slot_offers_doctor_id_starts_at", "doctor_id", "starts_at"),
        sa.Index("ix_slot_offers_schedule_id", "schedule_id", postgresql_where=sa.text("schedule_id IS NOT NULL")),
        sa.Index("ix_slot_offers_expires_at", "expires_at", postgresql_where=sa.text("state = 'open'")),
        sa.Index(
            "uq_slot_offers_one_open_per_entry", "entry_id", unique=True, postgresql_where=sa.text("state = 'open'")
        ),
        ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("state = 'open'"),
            using="gist",
            name="ex_slot_offers_open_at_once",
        ),
    )
