"""Vital signs, a patient's problems, and medical records that are frozen by signing, with what doctors write them from.

A record is a draft, then signed; a signed one is never changed but amended by a new version, and then called
amended. All versions share a series; at most one version of a series, the newest signed, is current. The database
holds all of this by triggers and a partial unique index.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class RecordStatus(enum.StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    AMENDED = "amended"


class DiagnosisKind(enum.StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"


class Consciousness(enum.StrEnum):
    """The ACVPU scale of NEWS2 (Royal College of Physicians, 2017)."""

    ALERT = "alert"
    CONFUSION = "confusion"
    VOICE = "voice"
    PAIN = "pain"
    UNRESPONSIVE = "unresponsive"


class ConditionStatus(enum.StrEnum):
    ACTIVE = "active"
    RESOLVED = "resolved"


class VitalSigns(Identified, Edited, HospitalModel):
    """One measurement of a patient. A wrong one is voided, never overwritten."""

    __tablename__ = "vital_signs"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    appointment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("appointments.id"), index=True)
    measured_at: Mapped[datetime]
    measured_by: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"))
    temperature_c: Mapped[Decimal | None] = mapped_column(sa.Numeric(4, 1))
    pulse: Mapped[int | None]
    respiratory_rate: Mapped[int | None]
    systolic: Mapped[int | None]
    diastolic: Mapped[int | None]
    spo2: Mapped[int | None]
    weight_kg: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 1))
    height_cm: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 1))
    pain: Mapped[int | None]
    on_oxygen: Mapped[bool | None] = mapped_column(doc="breathing more than air")
    consciousness: Mapped[Consciousness | None]
    spo2_scale: Mapped[int] = mapped_column(
        sa.SmallInteger, default=1, server_default="1", doc="2 where a doctor set 88-92 % as the target (NEWS2)"
    )
    note: Mapped[str | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("temperature_c BETWEEN 20 AND 45", name="temperature"),
        sa.CheckConstraint("pulse BETWEEN 0 AND 350", name="pulse"),
        sa.CheckConstraint("respiratory_rate BETWEEN 0 AND 120", name="respiratory_rate"),
        sa.CheckConstraint("systolic BETWEEN 0 AND 350", name="systolic"),
        sa.CheckConstraint("diastolic BETWEEN 0 AND 250 AND diastolic <= systolic", name="diastolic"),
        sa.CheckConstraint("spo2 BETWEEN 0 AND 100", name="spo2"),
        sa.CheckConstraint("weight_kg > 0", name="weight"),
        sa.CheckConstraint("height_cm > 0", name="height"),
        sa.CheckConstraint("pain BETWEEN 0 AND 10", name="pain"),
        sa.CheckConstraint("spo2_scale IN (1, 2)", name="spo2_scale"),
        sa.Index("ix_vital_signs_patient_id_measured_at", "patient_id", sa.desc("measured_at")),
    )


class MedicalRecord(Identified, Edited, Versioned, HospitalModel):
    """One version of what a doctor found, concluded and advised at a visit."""

    __tablename__ = "medical_records"

    series_id: Mapped[UUID] = mapped_column(doc="shared by all versions of one record")
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("medical_records.id"), index=True)
    number: Mapped[int] = mapped_column(default=1, doc="1 for the first version, then counting up")
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    appointment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("appointments.id"), index=True)
    doctor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staff_users.id"), index=True)
    status: Mapped[RecordStatus] = mapped_column(default=RecordStatus.DRAFT)
    is_current: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    complaint: Mapped[str] = mapped_column(default="", server_default="")
    history: Mapped[str] = mapped_column(default="", server_default="")
    examination: Mapped[str] = mapped_column(default="", server_default="")
    assessment: Mapped[str] = mapped_column(default="", server_default="")
    plan: Mapped[str] = mapped_column(default="", server_default="")
    amendment_reason: Mapped[str | None]
    signed_at: Mapped[datetime | None]
    signed_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("staff_users.id"))

    __table_args__ = (
        sa.UniqueConstraint("series_id", "number"),
        sa.Index("uq_medical_records_current", "series_id", unique=True, postgresql_where=sa.text("is_current")),
        sa.Index("uq_medical_records_draft", "series_id", unique=True, postgresql_where=sa.text("status = 'draft'")),
        sa.Index("uq_medical_records_first", "appointment_id", unique=True, postgresql_where=sa.text("number = 1")),
        sa.Index("ix_medical_records_patient_id_created_at", "patient_id", sa.desc("created_at")),
        sa.CheckConstraint(
            "(status = 'draft') = (signed_at IS NULL) AND (signed_at IS NULL) = (signed_by IS NULL)",
            name="signed_by_somebody",
        ),
        sa.CheckConstraint("NOT is_current OR status = 'signed'", name="current_is_signed"),
        sa.CheckConstraint("(number = 1) = (parent_id IS NULL)", name="amends_its_parent"),
        sa.CheckConstraint("number = 1 OR amendment_reason IS NOT NULL", name="amended_for_a_reason"),
    )


class RecordDiagnosis(Identified, Edited, HospitalModel):
    """A diagnosis by ICD-10 code, with the titles as they were read when it was made."""

    __tablename__ = "record_diagnoses"

    record_id: Mapped[UUID] = mapped_column(sa.ForeignKey("medical_records.id"))
    code: Mapped[str]
    title: Mapped[str]
    title_en: Mapped[str]
    kind: Mapped[DiagnosisKind]
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.UniqueConstraint("record_id", "code"),
        sa.Index(
            "uq_record_diagnoses_primary",
            "record_id",
            unique=True,
            postgresql_where=sa.text("kind = 'primary'"),
        ),
    )


class RecordTemplate(Identified, Edited, Versioned, HospitalModel):
    """Texts that a speciality begins its notes with; without a department they are everybody's."""

    __tablename__ = "record_templates"

    name: Mapped[str]
    department_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("departments.id"), index=True)
    complaint: Mapped[str] = mapped_column(default="", server_default="")
    history: Mapped[str] = mapped_column(default="", server_default="")
    examination: Mapped[str] = mapped_column(default="", server_default="")
    assessment: Mapped[str] = mapped_column(default="", server_default="")
    plan: Mapped[str] = mapped_column(default="", server_default="")
    retired_at: Mapped[datetime | None] = mapped_column(doc="no longer offered; notes made from it stay as they are")

    __table_args__ = (
        sa.Index("uq_record_templates_name", "name", unique=True, postgresql_where=sa.text("retired_at IS NULL")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 120", name="name_has_text"),
    )


class PatientCondition(Identified, Edited, Versioned, HospitalModel):
    """A problem that a patient lives with or has had. What was entered by mistake is struck out, never deleted."""

    __tablename__ = "patient_conditions"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    code: Mapped[str | None] = mapped_column(doc="ICD-10; without one it is a problem in words")
    title: Mapped[str]
    title_en: Mapped[str | None]
    status: Mapped[ConditionStatus] = mapped_column(default=ConditionStatus.ACTIVE)
    onset: Mapped[str | None] = mapped_column(doc="as far as it is known: 2019, 2019-03 or 2019-03-15")
    note: Mapped[str | None]
    struck_at: Mapped[datetime | None]
    strike_reason: Mapped[str | None]

    __table_args__ = (
        sa.CheckConstraint("length(title) BETWEEN 1 AND 300", name="title_has_text"),
        sa.CheckConstraint("onset ~ '^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$'", name="onset"),
        sa.CheckConstraint("(struck_at IS NULL) = (strike_reason IS NULL)", name="struck_for_a_reason"),
    )


class Icd10Title(Edited, HospitalModel):
    """A Vietnamese title of an ICD-10 code that the hospital imported; it goes before the one that Vien knows."""

    __tablename__ = "icd10_titles"

    code: Mapped[str] = mapped_column(primary_key=True)
    title_vi: Mapped[str]
    search_title: Mapped[str] = mapped_column(sa.Computed("vien_search_key(title_vi)", persisted=True))

    __table_args__ = (
        sa.CheckConstraint("length(title_vi) BETWEEN 1 AND 500", name="title_has_text"),
        sa.Index(
            "ix_icd10_titles_search_title",
            "search_title",
            postgresql_using="gin",
            postgresql_ops={"search_title": "gin_trgm_ops"},
        ),
    )
