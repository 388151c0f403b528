"""What the platform hands down to every hospital, kept in its own database: it stands while the centre is away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import HospitalModel


class HandedDown(HospitalModel):
    """A value of the platform, in the newest version that arrived. An older one never replaces it."""

    __tablename__ = "handed_down"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    version: Mapped[int] = mapped_column(sa.BigInteger)
    applied_at: Mapped[datetime]
