"""Whose database this is, and how the hospital is divided."""

from __future__ import annotations

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


class Department(Identified, Edited, Versioned, HospitalModel):
    """A department in which patients are seen."""

    __tablename__ = "departments"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    accepts_bookings: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")


class Setting(Edited, Versioned, HospitalModel):
    """One thing that the hospital decides for itself, such as its opening hours."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
