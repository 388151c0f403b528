"""What is carried between hospitals and the centre beside the index: comparisons, usage by day, configuration."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import CentralModel, Identified
from app.tenancy.models.watching import RunStatus


class Reconciliation(Identified, CentralModel):
    """One comparison of the index with a hospital's own patients, range by range, and what was mended."""

    __tablename__ = "reconciliations"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"))
    asked_by: Mapped[str]
    status: Mapped[RunStatus]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    patients: Mapped[int] = mapped_column(default=0)
    ranges: Mapped[int] = mapped_column(default=0)
    ranges_differing: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0, doc="patients whom the index did not have")
    different: Mapped[int] = mapped_column(default=0, doc="patients whom the index had otherwise")
    surplus: Mapped[int] = mapped_column(default=0, doc="entries whose patient the hospital does not have")
    mended: Mapped[int] = mapped_column(default=0)
    checksum: Mapped[str | None] = mapped_column(doc="over the hospital's ranges, in their order")
    error: Mapped[str | None]

    __table_args__ = (sa.Index("ix_reconciliations_hospital_id_started_at", "hospital_id", sa.desc("started_at")),)

    @property
    def drifted(self) -> int:
        """How many entries differed."""
        return self.missing + self.different + self.surplus


class UsageDay(CentralModel):
    """How much one hospital was used on one day of its own calendar. Counts, never of whom."""

    __tablename__ = "usage_daily"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    source_position: Mapped[int] = mapped_column(sa.BigInteger, doc="of the hospital's outbox when it was counted")
    active_staff: Mapped[int]
    active_patients: Mapped[int]
    patients_registered: Mapped[int]
    appointments: Mapped[int]
    visits_completed: Mapped[int]
    looks: Mapped[dict[str, Any]] = mapped_column(doc="pages with patients' data, by portal")
    changes: Mapped[int]
    storage_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    told_at: Mapped[datetime]


class OutboxConsumer(CentralModel):
    """How far a consumer inside a hospital has read its outbox, as the hospital told last."""

    __tablename__ = "outbox_consumers"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger)
    newest: Mapped[int] = mapped_column(sa.BigInteger)
    moved_at: Mapped[datetime]
    failures: Mapped[int]
    last_error: Mapped[str | None]
    told_at: Mapped[datetime]


class Configuration(CentralModel):
    """A value of the platform that every hospital keeps a copy of. Each change has a later version."""

    __tablename__ = "configuration"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    version: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("nextval('configuration_version_seq')"))
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())
    updated_by: Mapped[UUID | None]


class ConfigurationApplied(CentralModel):
    """Which version of a value a hospital has, as it said last."""

    __tablename__ = "configuration_applied"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    applied_at: Mapped[datetime]
