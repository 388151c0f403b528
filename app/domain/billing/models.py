"""The price list."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class Service(Identified, Edited, Versioned, HospitalModel):
    """Something that the hospital charges for; without a price until the hospital has set one."""

    __tablename__ = "services"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    category: Mapped[str]
    unit_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(default="VND", server_default="VND")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (sa.CheckConstraint("unit_price >= 0", name="price_is_not_negative"),)
