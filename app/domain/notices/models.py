"""A notification: that something happened which a member of staff should know, never what it was about in words."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import HospitalModel, Identified


class Notification(Identified, HospitalModel):
    """One event told to one person. Who looks at its subject is asked for permission there."""

    __tablename__ = "notifications"

    staff_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    event_id: Mapped[UUID]
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    read_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("staff_id", "event_id"),
        sa.Index("ix_notifications_staff_id_created_at", "staff_id", "created_at"),
        sa.Index("ix_notifications_unread", "staff_id", postgresql_where=sa.text("read_at IS NULL")),
    )
