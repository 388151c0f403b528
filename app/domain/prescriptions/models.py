"""The formulary and what is known of it, what doctors keep at hand, and prescriptions that are frozen by signing."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
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


class Severity(enum.StrEnum):
    """How grave it is to give two ingredients together."""

    CONTRAINDICATED = "contraindicated"
    MAJOR = "major"
    MODERATE = "moderate"
    MINOR = "minor"


class WarningKind(enum.StrEnum):
    """What a prescription is warned of before it is signed."""

    ALLERGY = "allergy"
    DUPLICATE = "duplicate"
    INTERACTION = "interaction"
    UNCOMPARED = "uncompared"
    CANCELLED = "cancelled"


class Medicine(Identified, Edited, Versioned, HospitalModel):
    """A medicine that the hospital prescribes."""

    __tablename__ = "medicines"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(sa.Computed("vien_search_key(name)", persisted=True))
    strength: Mapped[str]
    form: Mapped[str]
    unit: Mapped[str] = mapped_column(doc="in which it is handed over")
    dose_unit: Mapped[str | None] = mapped_column(doc="in which a dose is counted, where that is not the unit")
    package_content: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 3), doc="dose units in one unit")
    route: Mapped[str]
    atc_code: Mapped[str | None]
    ingredients: Mapped[list[str]] = mapped_column(
        ARRAY(sa.Text), default=list, server_default="{}", doc="empty: the name says them, joined by +"
    )
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())

    __table_args__ = (
        sa.Index(
            "ix_medicines_search_name",
            "search_name",
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
        sa.CheckConstraint("length(dose_unit) > 0", name="dose_unit_has_text"),
        sa.CheckConstraint("package_content > 0", name="package_content"),
    )


class Prescription(Identified, Edited, Versioned, HospitalModel):
    """What a doctor prescribes with one version of a record."""

    __tablename__ = "prescriptions"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'DT-' || to_char(nextval('prescription_code_seq'), 'FM999999999000000')")
    )
    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medical_records.id"), unique=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    status: Mapped[PrescriptionStatus] = mapped_column(default=PrescriptionStatus.DRAFT)
    note: Mapped[str | None]
    signed_at: Mapped[datetime | None]
    renewed_from_id: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("prescriptions.id", ondelete="SET NULL"), index=True
    )
    national_code: Mapped[str | None] = mapped_column(doc="given by the national system of prescriptions")
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[UUID | None]
    cancel_reason: Mapped[str | None]

    __table_args__ = (
        sa.Index("ix_prescriptions_patient_id_created_at", "patient_id", sa.desc("created_at")),
        sa.Index(
            "uq_prescriptions_national_code",
            "national_code",
            unique=True,
            postgresql_where=sa.text("national_code IS NOT NULL"),
        ),
        sa.CheckConstraint("(status = 'draft') = (signed_at IS NULL)", name="signed_at"),
        sa.CheckConstraint("national_code ~ '^[0-9A-Za-z]{12}-[A-Za-z]$'", name="national_code_has_14_characters"),
        sa.CheckConstraint("cancelled_at IS NULL OR status = 'cancelled'", name="cancelled_at"),
        sa.CheckConstraint("length(cancel_reason) BETWEEN 1 AND 500", name="cancel_reason_has_text"),
    )


class PrescriptionItem(Identified, Edited, HospitalModel):
    """One medicine with its dose; names are kept as they were prescribed."""

    __tablename__ = "prescription_items"

    prescription_id: Mapped[UUID] = mapped_column(sa.ForeignKey("prescriptions.id"))
    medicine_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medicines.id"), index=True)
    medicine_name: Mapped[str]
    strength: Mapped[str]
    unit: Mapped[str]
    dose_unit: Mapped[str | None]
    route: Mapped[str]
    dose_amount: Mapped[Decimal] = mapped_column(sa.Numeric(8, 3), doc="dose units, else units, per dose")
    times_per_day: Mapped[int]
    days: Mapped[int]
    quantity: Mapped[Decimal] = mapped_column(sa.Numeric(10, 3))
    meal_timing: Mapped[MealTiming] = mapped_column(default=MealTiming.ANY)
    instructions: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[datetime | None] = mapped_column(
        doc="since when it is prescribed, where an amendment copied it from the version before"
    )

    __table_args__ = (
        sa.UniqueConstraint("prescription_id", "medicine_id"),
        sa.CheckConstraint("dose_amount > 0 AND quantity > 0", name="amounts_are_positive"),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name="times_per_day"),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name="days"),
    )


class PrescriptionOverride(Identified, Edited, HospitalModel):
    """Why a doctor prescribes in spite of a warning; frozen with the prescription."""

    __tablename__ = "prescription_overrides"

    prescription_id: Mapped[UUID] = mapped_column(sa.ForeignKey("prescriptions.id", ondelete="CASCADE"))
    kind: Mapped[WarningKind]
    warning_key: Mapped[str] = mapped_column(doc="what is warned of: kind and ingredients, whatever the language")
    summary: Mapped[str] = mapped_column(doc="the warning as the doctor read it")
    reason: Mapped[str]

    __table_args__ = (
        sa.UniqueConstraint("prescription_id", "warning_key"),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason_has_text"),
    )


class IngredientInteraction(Identified, Edited, Versioned, HospitalModel):
    """Two ingredients that should not be given together, as a source that is named says."""

    __tablename__ = "ingredient_interactions"

    ingredient_a: Mapped[str]
    ingredient_b: Mapped[str]
    key_a: Mapped[str] = mapped_column(doc="search key; the smaller of the two stands first")
    key_b: Mapped[str] = mapped_column(index=True)
    severity: Mapped[Severity]
    effect: Mapped[str]
    advice: Mapped[str | None]
    source: Mapped[str]

    __table_args__ = (
        sa.UniqueConstraint("key_a", "key_b"),
        sa.CheckConstraint('key_a COLLATE "C" < key_b COLLATE "C"', name="keys_are_in_order"),
        sa.CheckConstraint("length(source) > 0 AND length(effect) > 0", name="says_what_and_by_whom"),
    )


class UsualDose:
    """A medicine with the dose that it is usually prescribed in."""

    dose_amount: Mapped[Decimal] = mapped_column(sa.Numeric(8, 3))
    times_per_day: Mapped[int]
    days: Mapped[int]
    meal_timing: Mapped[MealTiming] = mapped_column(default=MealTiming.ANY)
    instructions: Mapped[str | None]
    quantity: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 3), doc="where it does not follow from the dose")


class PrescriptionFavourite(UsualDose, Identified, Edited, HospitalModel):
    """What one doctor prescribes often."""

    __tablename__ = "prescription_favourites"

    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    medicine_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medicines.id"), index=True)

    __table_args__ = (
        sa.UniqueConstraint("doctor_id", "medicine_id"),
        sa.CheckConstraint("dose_amount > 0", name="dose_amount"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name="times_per_day"),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name="days"),
    )


class OrderSet(Identified, Edited, Versioned, HospitalModel):
    """Medicines that the hospital prescribes together, under one name."""

    __tablename__ = "order_sets"

    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(sa.Computed("vien_search_key(name)", persisted=True), unique=True)
    note: Mapped[str | None]

    __table_args__ = (sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_has_text"),)


class OrderSetItem(UsualDose, Identified, Edited, HospitalModel):
    """One medicine of an order set."""

    __tablename__ = "order_set_items"

    order_set_id: Mapped[UUID] = mapped_column(sa.ForeignKey("order_sets.id", ondelete="CASCADE"))
    medicine_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medicines.id"), index=True)
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.UniqueConstraint("order_set_id", "medicine_id"),
        sa.CheckConstraint("dose_amount > 0", name="dose_amount"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name="times_per_day"),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name="days"),
    )
