"""A person whom the hospital knows, and what that person must not be given."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any
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
        unique=True, server_default=sa.text("'BN-' || to_char(nextval('patient_code_seq'), 'FM999999999000000')")
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
    inactive_at: Mapped[datetime | None] = mapped_column(doc="who does not come any more; may be taken up again")
    inactive_reason: Mapped[str | None]
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
        sa.Index("ix_patients_born_on", "born_on"),
        sa.Index("ix_patients_closed_cccd", "cccd", postgresql_where=sa.text("deleted_at IS NOT NULL")),
        # By letters whatever the database's collation, for names that begin with what is sought.
        sa.Index(
            "ix_patients_name_order", "search_name", "born_on", "id", postgresql_where=sa.text("deleted_at IS NULL")
        ),
    )


NUMBERS = sa.func.vien_numbers_key(Patient.code, Patient.cccd, Patient.bhyt, Patient.phone, type_=sa.Text())
sa.Index(
    "ix_patients_numbers",
    NUMBERS,
    postgresql_using="gin",
    postgresql_ops={"vien_numbers_key": "gin_trgm_ops"},
    postgresql_where=Patient.deleted_at.is_(None),
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
    allergy_state_before: Mapped[AllergyState | None] = mapped_column(doc="what the other one's was, to be put back")

    __table_args__ = (sa.CheckConstraint("patient_id <> into_id", name="into_another"),)


class PatientMergeMove(HospitalModel):
    """A row that was moved to the other registration, so that exactly it is moved back."""

    __tablename__ = "patient_merge_moves"

    patient_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("patient_merges.patient_id", ondelete="CASCADE"), primary_key=True
    )
    table_name: Mapped[str] = mapped_column(primary_key=True)
    column_name: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[UUID] = mapped_column(primary_key=True)


class RelationKind(enum.StrEnum):
    """What the other one is to the patient."""

    MOTHER = "mother"
    FATHER = "father"
    GUARDIAN = "guardian"
    GRANDPARENT = "grandparent"
    SPOUSE = "spouse"
    CHILD = "child"
    SIBLING = "sibling"
    OTHER = "other"


class PatientRelation(Identified, Edited, Versioned, HospitalModel):
    """Somebody who belongs to a patient: another patient of the hospital, or a person with a name and telephone."""

    __tablename__ = "patient_relations"

    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    kind: Mapped[RelationKind]
    related_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("patients.id"), index=True)
    full_name: Mapped[str | None]
    phone: Mapped[str | None] = mapped_column(doc="E.164")
    is_guardian: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("patient_id <> related_id", name="to_another"),
        sa.CheckConstraint("(related_id IS NULL) <> (full_name IS NULL)", name="patient_or_name"),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone_is_e164"),
        sa.Index(
            "uq_patient_relations_once",
            "patient_id",
            "related_id",
            unique=True,
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
        sa.Index(
            "uq_patient_relations_person",
            "patient_id",
            "kind",
            "full_name",
            "phone",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=sa.text("deleted_at IS NULL AND related_id IS NULL"),
        ),
    )


class ValidationSchema(Edited, Versioned, HospitalModel):
    """What the hospital itself demands of a form, as a JSON Schema (2020-12)."""

    __tablename__ = "validation_schemas"

    form: Mapped[str] = mapped_column(primary_key=True)
    schema: Mapped[dict[str, Any]]

    __table_args__ = (sa.CheckConstraint("jsonb_typeof(schema) = 'object'", name="is_object"),)
