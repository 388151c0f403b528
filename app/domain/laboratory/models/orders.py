"""What was ordered for a patient, and the specimens that were collected for it."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.domain.laboratory.models.catalogue import LabKind, SpecimenKind


class LabPriority(enum.StrEnum):
    ROUTINE = "routine"
    URGENT = "urgent"


class ItemStatus(enum.StrEnum):
    """How far one ordered test is; `entered` waits for a second person, `verified` is final but for a correction."""

    ORDERED = "ordered"
    COLLECTED = "collected"
    ENTERED = "entered"
    VERIFIED = "verified"
    CANCELLED = "cancelled"


class LabOrder(Identified, Edited, Versioned, HospitalModel):
    """Tests that somebody ordered for a patient, of a visit or without one."""

    __tablename__ = "lab_orders"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'XN-' || to_char(nextval('lab_order_code_seq'), 'FM999999999000000')")
    )
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    appointment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointments.id"), index=True)
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    ordered_by: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    ordered_at: Mapped[datetime]
    priority: Mapped[LabPriority] = mapped_column(default=LabPriority.ROUTINE)
    clinical_note: Mapped[str | None] = mapped_column(doc="what the laboratory should know")

    __table_args__ = (
        sa.Index("ix_lab_orders_patient_id_ordered_at", "patient_id", sa.desc("ordered_at")),
        sa.Index("ix_lab_orders_ordered_by_ordered_at", "ordered_by", sa.desc("ordered_at")),
    )


class LabSpecimen(Identified, Edited, HospitalModel):
    """What was taken from the patient under one label. A spoilt one is rejected and taken again under another."""

    __tablename__ = "lab_specimens"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'M' || to_char(nextval('lab_specimen_code_seq'), 'FM99999999900000000')")
    )
    order_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_orders.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    kind: Mapped[SpecimenKind]
    collected_at: Mapped[datetime]
    collected_by: Mapped[UUID]
    rejected_at: Mapped[datetime | None]
    rejected_by: Mapped[UUID | None]
    reject_reason: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint(
            "(rejected_at IS NULL) = (reject_reason IS NULL) AND (rejected_at IS NULL) = (rejected_by IS NULL)",
            name="rejected_for_a_reason",
        ),
    )


class LabOrderItem(Identified, Edited, Versioned, HospitalModel):
    """One test of an order, with its name as it was ordered."""

    __tablename__ = "lab_order_items"

    order_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_orders.id"))
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    test_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_tests.id"), index=True)
    test_name: Mapped[str]
    kind: Mapped[LabKind]
    specimen: Mapped[SpecimenKind | None]
    specimen_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("lab_specimens.id"), index=True)
    status: Mapped[ItemStatus] = mapped_column(default=ItemStatus.ORDERED)
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[UUID | None]
    cancel_reason: Mapped[str | None]

    __table_args__ = (
        sa.UniqueConstraint("order_id", "test_id"),
        sa.CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at"),
        sa.CheckConstraint("(cancelled_at IS NULL) = (cancel_reason IS NULL)", name="cancelled_for_a_reason"),
        sa.CheckConstraint(
            "kind = 'imaging' OR specimen_id IS NOT NULL OR status IN ('ordered', 'cancelled')",
            name="collected_before_results",
        ),
        sa.Index(
            "ix_lab_order_items_open",
            "status",
            "order_id",
            postgresql_where=sa.text("status IN ('ordered', 'collected', 'entered')"),
        ),
    )
