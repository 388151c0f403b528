"""Results: reports in versions that are frozen by verification, and the values in them.

A report is a draft while its values are entered, then verified by somebody who wrote nothing in it. A verified one is
never changed but corrected by a new version with a reason, and then called corrected. Exactly one version of an ordered
test, the newest verified, is current. The database holds all of this by triggers and partial unique indexes.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.domain.laboratory.models.catalogue import NUMBER


class ReportStatus(enum.StrEnum):
    DRAFT = "draft"
    VERIFIED = "verified"
    CORRECTED = "corrected"


class Flag(enum.StrEnum):
    """How a value stands to what is usual; none where nothing is known to compare it with."""

    NORMAL = "normal"
    LOW = "low"
    HIGH = "high"
    CRITICAL_LOW = "critical_low"
    CRITICAL_HIGH = "critical_high"
    ABNORMAL = "abnormal"
    CRITICAL = "critical"

    @property
    def is_critical(self) -> bool:
        """Tell whether somebody must act on it now."""
        return self in (Flag.CRITICAL_LOW, Flag.CRITICAL_HIGH, Flag.CRITICAL)


class LabReport(Identified, Edited, Versioned, HospitalModel):
    """One version of what came of an ordered test, and who entered, verified, acknowledged and reviewed it.

    `released_at` may lie ahead: from then on the patient sees it. It is empty while a doctor has to see it first.
    """

    __tablename__ = "lab_reports"

    item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_order_items.id"))
    order_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_orders.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    ordered_by: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    number: Mapped[int] = mapped_column(default=1, doc="1 for the first version, then counting up")
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("lab_reports.id"), index=True)
    status: Mapped[ReportStatus] = mapped_column(default=ReportStatus.DRAFT)
    is_current: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    observed_at: Mapped[datetime] = mapped_column(doc="when the specimen was collected, or the images were taken")
    findings: Mapped[str | None]
    interpretation: Mapped[str | None]
    correction_reason: Mapped[str | None]
    entered_by: Mapped[UUID]
    entered_at: Mapped[datetime]
    contributors: Mapped[list[UUID]] = mapped_column(
        ARRAY(sa.Uuid), default=list, server_default="{}", doc="who ever changed anything in it: none of them verifies"
    )
    not_measured: Mapped[list[str]] = mapped_column(
        ARRAY(sa.Text), default=list, server_default="{}", doc="names of what belongs to the test and has no value"
    )
    called_critical: Mapped[bool] = mapped_column(
        default=False, server_default=sa.false(), doc="whoever entered it says that somebody must act on it now"
    )
    verified_by: Mapped[UUID | None]
    verified_at: Mapped[datetime | None]
    has_critical: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    has_abnormal: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    acknowledged_by: Mapped[UUID | None] = mapped_column(doc="who of the ordering side took note of critical values")
    acknowledged_at: Mapped[datetime | None]
    reviewed_by: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("item_id", "number"),
        sa.Index("uq_lab_reports_current", "item_id", unique=True, postgresql_where=sa.text("is_current")),
        sa.Index("uq_lab_reports_draft", "item_id", unique=True, postgresql_where=sa.text("status = 'draft'")),
        sa.Index("ix_lab_reports_patient_id_observed_at", "patient_id", sa.desc("observed_at")),
        sa.Index(
            "ix_lab_reports_inbox",
            "ordered_by",
            "verified_at",
            postgresql_where=sa.text("is_current AND reviewed_at IS NULL"),
        ),
        sa.Index(
            "ix_lab_reports_unacknowledged",
            "verified_at",
            postgresql_where=sa.text("is_current AND has_critical AND acknowledged_at IS NULL"),
        ),
        sa.CheckConstraint("verified_by <> entered_by", name="verified_by_another"),
        sa.CheckConstraint(
            "(status = 'draft') = (verified_at IS NULL) AND (verified_at IS NULL) = (verified_by IS NULL)",
            name="verified_by_somebody",
        ),
        sa.CheckConstraint("NOT called_critical OR has_critical", name="called_critical_is_critical"),
        sa.CheckConstraint("NOT is_current OR status = 'verified'", name="current_is_verified"),
        sa.CheckConstraint("(number = 1) = (parent_id IS NULL)", name="corrects_its_parent"),
        sa.CheckConstraint("(number = 1) = (correction_reason IS NULL)", name="corrected_for_a_reason"),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL) AND (acknowledged_at IS NULL OR has_critical)",
            name="acknowledged_by_somebody",
        ),
        sa.CheckConstraint(
            "(reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL OR status <> 'draft')",
            name="reviewed_by_somebody",
        ),
        sa.CheckConstraint("released_at IS NULL OR status <> 'draft'", name="released_once_verified"),
    )


class LabResult(Identified, HospitalModel):
    """One value of a report, with name, unit and range as they were when it was entered."""

    __tablename__ = "lab_results"

    report_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_reports.id"))
    analyte_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_analytes.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    observed_at: Mapped[datetime]
    name: Mapped[str]
    unit: Mapped[str | None]
    comparator: Mapped[str | None] = mapped_column(doc="< or > where the instrument only knows a bound")
    value: Mapped[Decimal | None] = mapped_column(NUMBER)
    text: Mapped[str | None]
    flag: Mapped[Flag | None]
    range_low: Mapped[Decimal | None] = mapped_column(NUMBER)
    range_high: Mapped[Decimal | None] = mapped_column(NUMBER)
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    entered_by: Mapped[UUID]
    entered_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("report_id", "analyte_id"),
        sa.Index(
            "ix_lab_results_patient_id_analyte_id_observed_at", "patient_id", "analyte_id", sa.desc("observed_at")
        ),
        sa.CheckConstraint("(value IS NULL) <> (text IS NULL)", name="value_or_text"),
        sa.CheckConstraint("comparator IS NULL OR (comparator IN ('<', '>') AND value IS NOT NULL)", name="comparator"),
    )
