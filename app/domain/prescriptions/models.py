"""The formulary, and prescriptions that are frozen by signing."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class PrescriptionStatus(enum.StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    CANCELLED = "cancelled"


class MealTiming(enum.StrEnum):
    ANY = "any"
    BEFORE = "before_meal"
    WITH = "with_meal"
    AFTER = "after_meal"
    BEDTIME = "bedtime"


class Medicine(Identified, Edited, Versioned, HospitalModel):
    """A medicine that the hospital prescribes."""

    __tablename__ = "medicines"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(sa.Computed("vien_search_key(name)", persisted=True))
    strength: Mapped[str]
    form: Mapped[str]
    unit: Mapped[str]
    route: Mapped[str]
    atc_code: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())

    __table_args__ = (
        sa.Index(
            "ix_medicines_search_name",
            "search_name",
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
    )


class Prescription(Identified, Edited, Versioned, HospitalModel):
    """What a doctor prescribes with one version of a record."""

    __tablename__ = "prescriptions"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'DT-' || lpad(nextval('prescription_code_seq')::text, 6, '0')")
    )
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medical_records.id"), unique=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    status: Mapped[PrescriptionStatus] = mapped_column(default=PrescriptionStatus.DRAFT)
    note: Mapped[str | None]
    signed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_prescriptions_patient_id_created_at", "patient_id", sa.desc("created_at")),
        sa.CheckConstraint("(status = 'draft') = (signed_at IS NULL)", name="signed_at"),
    )


class PrescriptionItem(Identified, Edited, HospitalModel):
    """One medicine with its dose; names are kept as they were prescribed."""

    __tablename__ = "prescription_items"

    prescription_id: Mapped[UUID] = mapped_column(sa.ForeignKey("prescriptions.id"))
    medicine_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medicines.id"), index=True)
    medicine_name: Mapped[str]
    strength: Mapped[str]
    unit: Mapped[str]
    route: Mapped[str]
    dose_amount: Mapped[Decimal] = mapped_column(sa.Numeric(8, 3), doc="units of the medicine per dose")
    times_per_day: Mapped[int]
    days: Mapped[int]
    quantity: Mapped[Decimal] = mapped_column(sa.Numeric(10, 3))
    meal_timing: Mapped[MealTiming] = mapped_column(default=MealTiming.ANY)
    instructions: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.UniqueConstraint("prescription_id", "medicine_id"),
        sa.CheckConstraint("dose_amount > 0 AND quantity > 0", name="amounts_are_positive"),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name="times_per_day"),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name="days"),
    )
