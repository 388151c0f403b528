"""What a hospital can test: tests with their analytes, reference ranges by sex and age, and panels of tests."""

from __future__ import annotations

import enum
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Edited, HospitalModel, Identified, Versioned
from app.domain.patients.models import Sex

NUMBER = sa.Numeric()


class LabKind(enum.StrEnum):
    """What comes of a test: values of a specimen, or findings of images."""

    LABORATORY = "laboratory"
    IMAGING = "imaging"


class SpecimenKind(enum.StrEnum):
    """What is collected, and for blood in which tube."""

    BLOOD_EDTA = "blood_edta"
    BLOOD_SERUM = "blood_serum"
    BLOOD_CITRATE = "blood_citrate"
    BLOOD_FLUORIDE = "blood_fluoride"
    BLOOD_CULTURE = "blood_culture"
    URINE = "urine"
    STOOL = "stool"
    SPUTUM = "sputum"
    SWAB = "swab"
    OTHER = "other"


class ValueKind(enum.StrEnum):
    """How a value is written: a number, one of some words, or any words."""

    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"


class LabTest(Identified, Edited, Versioned, HospitalModel):
    """One test that can be ordered; what is measured stands in its analytes, an imaging has none."""

    __tablename__ = "lab_tests"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    search_name: Mapped[str] = mapped_column(
        sa.Computed("vien_search_key(code || ' ' || name || ' ' || coalesce(name_en, ''))", persisted=True)
    )
    kind: Mapped[LabKind] = mapped_column(default=LabKind.LABORATORY)
    category: Mapped[str] = mapped_column(doc="the heading under which it stands in the catalogue")
    specimen: Mapped[SpecimenKind | None]
    preparation: Mapped[str | None] = mapped_column(doc="what the patient is told before")
    turnaround_minutes: Mapped[int | None]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.CheckConstraint("(kind = 'imaging') = (specimen IS NULL)", name="specimen_unless_imaging"),
        sa.CheckConstraint("turnaround_minutes > 0", name="turnaround"),
        sa.Index(
            "ix_lab_tests_search_name",
            "search_name",
            postgresql_using="gin",
            postgresql_ops={"search_name": "gin_trgm_ops"},
        ),
    )


class Analyte(Identified, Edited, Versioned, HospitalModel):
    """One value of a test. Outside the physical limits it cannot be; outside the critical ones somebody must act."""

    __tablename__ = "lab_analytes"

    test_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_tests.id"))
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    value_kind: Mapped[ValueKind] = mapped_column(default=ValueKind.NUMBER)
    unit: Mapped[str | None]
    decimals: Mapped[int] = mapped_column(default=1, server_default="1")
    choices: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list, server_default="{}")
    normal_choices: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list, server_default="{}")
    critical_choices: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list, server_default="{}")
    physical_low: Mapped[Decimal | None] = mapped_column(NUMBER)
    physical_high: Mapped[Decimal | None] = mapped_column(NUMBER)
    critical_low: Mapped[Decimal | None] = mapped_column(NUMBER)
    critical_high: Mapped[Decimal | None] = mapped_column(NUMBER)
    explanation: Mapped[str | None] = mapped_column(doc="one plain sentence for the patient: what it is")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        sa.Index("ix_lab_analytes_test_id_position", "test_id", "position"),
        sa.CheckConstraint("decimals BETWEEN 0 AND 6", name="decimals"),
        sa.CheckConstraint("physical_low < physical_high", name="physical_limits"),
        sa.CheckConstraint("critical_low < critical_high", name="critical_limits"),
        sa.CheckConstraint(
            "critical_low >= physical_low AND critical_high <= physical_high"
            " AND critical_low <= physical_high AND critical_high >= physical_low",
            name="limits_in_order",
        ),
        sa.CheckConstraint("(value_kind = 'choice') = (cardinality(choices) > 0)", name="choices"),
        sa.CheckConstraint("normal_choices <@ choices", name="normal_choices"),
        sa.CheckConstraint(
            "critical_choices <@ choices AND NOT critical_choices && normal_choices", name="critical_choices"
        ),
    )


class ReferenceRange(Identified, Edited, HospitalModel):
    """What is usual of an analyte for one sex or both, from an age in days until before another."""

    __tablename__ = "lab_reference_ranges"

    analyte_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_analytes.id"))
    sex: Mapped[Sex | None]
    from_days: Mapped[int] = mapped_column(default=0, server_default="0")
    until_days: Mapped[int | None] = mapped_column(doc="the first day that is not meant any more")
    low: Mapped[Decimal | None] = mapped_column(NUMBER)
    high: Mapped[Decimal | None] = mapped_column(NUMBER)

    __table_args__ = (
        sa.Index("ix_lab_reference_ranges_analyte_id", "analyte_id"),
        sa.CheckConstraint("from_days >= 0 AND until_days > from_days", name="ages"),
        sa.CheckConstraint("low IS NOT NULL OR high IS NOT NULL", name="says_something"),
        sa.CheckConstraint("low <= high", name="low_below_high"),
        ExcludeConstraint(
            (sa.column("analyte_id"), "="),
            (sa.text("coalesce(sex, '')"), "="),
            (sa.text("int4range(from_days, until_days)"), "&&"),
            name="ex_lab_reference_ranges_one_at_an_age",
            using="gist",
        ),
    )


class LabPanel(Identified, Edited, Versioned, HospitalModel):
    """Tests that are ordered together by one name."""

    __tablename__ = "lab_panels"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    position: Mapped[int] = mapped_column(default=0, server_default="0")


class LabPanelTest(HospitalModel):
    """A test of a panel."""

    __tablename__ = "lab_panel_tests"

    panel_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_panels.id"), primary_key=True)
    test_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lab_tests.id"), primary_key=True, index=True)
