"""Whom hospitals have erased: ids only, so that a restore from an older backup erases them again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import CentralModel


class PatientErasure(CentralModel):
    """A patient of one hospital whose data was erased or de-identified there. It says nothing of who that was."""

    __tablename__ = "erasures"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    erased_at: Mapped[datetime]
