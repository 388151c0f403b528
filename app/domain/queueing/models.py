"""A number of the day for each patient who has arrived, and the screens on which numbers are called."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class Priority(enum.StrEnum):
    """Who is called first; within one, who has waited longest."""

    EMERGENCY = "emergency"
    PREFERRED = "preferred"
    ORDINARY = "ordinary"


class TicketState(enum.StrEnum):
    WAITING = "waiting"
    CALLED = "called"
    DONE = "done"
    MISSED = "missed"


class QueueTicket(Identified, Edited, Versioned, HospitalModel):
    """The number of a visit on its day. Whoever is called again after having been missed keeps it."""

    __tablename__ = "queue_tickets"

    appointment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("appointments.id"), unique=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    department_id: Mapped[UUID] = mapped_column(sa.ForeignKey("departments.id"))
    day: Mapped[date]
    number: Mapped[int]
    priority: Mapped[Priority]
    state: Mapped[TicketState] = mapped_column(default=TicketState.WAITING)
    queued_at: Mapped[datetime] = mapped_column(doc="since when it waits, which decides its place")
    room: Mapped[str | None]
    called_at: Mapped[datetime | None]
    called_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"))
    calls: Mapped[int] = mapped_column(default=0, server_default="0")
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("number > 0", name="number"),
        sa.CheckConstraint("length(room) BETWEEN 1 AND 20", name="room_has_text"),
        sa.UniqueConstraint("department_id", "day", "number"),
        sa.Index("ix_queue_tickets_called_by_called_at", "called_by", "called_at"),
    )


class QueueScreen(Identified, Edited, Versioned, HospitalModel):
    """A calling screen that opens by itself, of one department or of all. Only its token's digest is kept."""

    __tablename__ = "queue_screens"

    name: Mapped[str]
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    revoked_at: Mapped[datetime | None]

    __table_args__ = (sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_has_text"),)


# Numbers that wait, without whose they are: a patient counts there who comes before.
waiting_numbers = sa.table(
    "waiting_numbers",
    sa.column("id", sa.Uuid),
    sa.column("department_id", sa.Uuid),
    sa.column("day", sa.Date),
    sa.column("number", sa.Integer),
    sa.column("priority", sa.Text),
    sa.column("queued_at", sa.DateTime(timezone=True)),
)
