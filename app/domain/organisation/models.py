"""Whose database this is, how the hospital is divided, where its rooms are, and on which days it is closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class HospitalInfo(HospitalModel):
    """Exactly one row: the hospital to which this database belongs."""

    __tablename__ = "hospital_info"

    only_row: Mapped[bool] = mapped_column(sa.Boolean, primary_key=True, default=True, server_default=sa.true())
    hospital_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str]
    is_demo: Mapped[bool] = mapped_column(default=False, server_default=sa.false())

    __table_args__ = (sa.CheckConstraint("only_row", name="only_row"),)


class Facility(Identified, Edited, Versioned, HospitalModel):
    """A building or branch of the hospital."""

    __tablename__ = "facilities"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    address: Mapped[str | None]
    phone: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    closed_at: Mapped[datetime | None]


class Department(Identified, Edited, Versioned, HospitalModel):
    """A department in which patients are seen."""

    __tablename__ = "departments"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    accepts_bookings: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    facility_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("facilities.id"), index=True)


class Room(Identified, Edited, Versioned, HospitalModel):
    """A room in which patients are seen: by one doctor at a time."""

    __tablename__ = "rooms"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    facility_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("facilities.id"), index=True)
    floor: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    closed_at: Mapped[datetime | None]


class Holiday(Identified, Edited, HospitalModel):
    """A day on which no visits are booked."""

    __tablename__ = "holidays"

    day: Mapped[date] = mapped_column(unique=True)
    name: Mapped[str]

    __table_args__ = (sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_has_text"),)


class Setting(Edited, Versioned, HospitalModel):
    """One thing that the hospital decides for itself, such as its opening hours."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
