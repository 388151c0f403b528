"""What patients are asked, in which words, and what they have answered.

Answers are appended, never changed; the last one counts. A text is published once and stays as it was agreed to.
"""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Edited, HospitalModel, Identified, Versioned


class ConsentBasis(enum.StrEnum):
    """Whether a purpose needs a yes, or is part of what the patient has asked for and can be refused."""

    CONSENT = "consent"
    AGREEMENT = "agreement"


class ConsentDecision(enum.StrEnum):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


class ConsentVia(enum.StrEnum):
    PORTAL = "portal"
    PAPER = "paper"


class ConsentPurpose(Identified, Edited, Versioned, HospitalModel):
    """One purpose for which data may be used. What code asks for is its code; the rest is the hospital's to word."""

    __tablename__ = "consent_purposes"

    code: Mapped[str] = mapped_column(unique=True)
    basis: Mapped[ConsentBasis]
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())


class ConsentText(Identified, HospitalModel):
    """A version of what patients read. A new one asks everybody again."""

    __tablename__ = "consent_texts"

    purpose_id: Mapped[UUID] = mapped_column(sa.ForeignKey("consent_purposes.id"))
    number: Mapped[int]
    title: Mapped[str]
    title_en: Mapped[str]
    body: Mapped[str]
    body_en: Mapped[str]
    published_at: Mapped[datetime] = mapped_column(default=clock.now)
    published_by: Mapped[UUID | None]

    __table_args__ = (sa.UniqueConstraint("purpose_id", "number"),)


class PatientConsent(Identified, HospitalModel):
    """One answer of a patient to one version. Append-only; `sequence` says which came last."""

    __tablename__ = "patient_consents"

    sequence: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), unique=True)
    patient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("patients.id"))
    purpose_id: Mapped[UUID] = mapped_column(sa.ForeignKey("consent_purposes.id"), index=True)
    text_id: Mapped[UUID] = mapped_column(sa.ForeignKey("consent_texts.id"), index=True)
    decision: Mapped[ConsentDecision]
    via: Mapped[ConsentVia]
    at: Mapped[datetime] = mapped_column(default=clock.now)
    recorded_by: Mapped[UUID | None] = mapped_column(doc="the patient's account, or who took the paper")
    recorded_by_name: Mapped[str]
    signed_on: Mapped[datetime | None] = mapped_column(doc="the day that the paper carries")

    __table_args__ = (sa.Index("ix_patient_consents_patient_id", "patient_id", "purpose_id", sa.desc("sequence")),)
