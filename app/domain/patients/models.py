"""A person whom the hospital knows, and what that person must not be given."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned


class Sex(enum.StrEnum):
    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


class AllergyState(enum.StrEnum):
    """What is known of a patient's allergies; `known` is when rows exist."""

    KNOWN = "known"
    NONE_KNOWN = "none_known"
    NOT_RECORDED = "not_recorded"


class Confidentiality(enum.StrEnum):
    """Whether more people than those who treat a patient may see that patient's data."""

    NORMAL = "normal"
    RESTRICTED = "restricted"


class Patient(Identified, Edited, Versioned, HospitalModel):
    """A patient. `search_name` is generated: unaccented, lower case, đ as d."""

    __tablename__ = "patients"

    code: Mapped[str] = mapped_column(
        unique=True, server_default=sa.text("'BN-' || lpad(nextval('patient_code_seq')::text, 6, '0')")
    )
    full_name: Mapped[str]
    search_name: Mapped[str] = mapped_column(sa.Computed("vien_search_key(full_name)", persisted=True))
    born_on: Mapped[date]
    sex: Mapped[Sex]
    cccd: Mapped[str | None]
    bhyt: Mapped[str | None]
    phone: Mapped[str | None] = mapped_column(doc="E.164")
    email: Mapped[str | None]
    province: Mapped[str | None]
    ward: Mapped[str | None]
    street: Mapped[str | None]
    old_district: Mapped[str | None] = mapped_column(doc="as written before July 2025")
    allergy_state: Mapped[AllergyState] = mapped_column(
        default=AllergyState.NOT_RECORDED, server_default=AllergyState.NOT_RECORDED.value
    )
    confidentiality: Mapped[Confidentiality] = mapped_column(
        default=Confidentiality.NORMAL, server_default=Confidentiality.NORMAL.value
    )
    deceased_on: Mapped[date | None]
    deleted_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None] = mapped_column(
        doc="whose data was erased or de-identified; nobody's name stands here"
    )

    __table_args__ = (
        sa.CheckConstraint("cccd ~ '^[0-9]{12}$'", name="cccd_has_12_digits"),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone_is_e164"),
        sa.CheckConstraint("length(full_name) BETWEEN 1 AND 200", name="full_name_has_text"),
        sa.CheckConstraint("deceased_on >= born_on", name="died_after_birth"),
        sa.Index("uq_patients_cccd", "cccd", unique=True, postgresql_where=sa.text("deleted_at IS NULL")),
        sa.Index("ix_patients_phone", "phone"),
        sa.Index("ix_patients_bhyt", "bhyt"),
        sa.Index(
            "ix_patients_search_name",
            "search_name",
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
    )


class PatientAllergy(Identified, Edited, HospitalModel):
    """Something that a patient must not be given."""

    __tablename__ = "patient_allergies"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    substance: Mapped[str]
    reaction: Mapped[str | None]
    severity: Mapped[str | None]
    deleted_at: Mapped[datetime | None]


class PatientMerge(HospitalModel):
    """A patient who was registered twice: this one's row is closed, and who it is stands under the other."""

    __tablename__ = "patient_merges"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), primary_key=True)
    into_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    merged_at: Mapped[datetime]
    merged_by: Mapped[UUID | None]

    __table_args__ = (sa.CheckConstraint("patient_id <> into_id", name="into_another"),)
