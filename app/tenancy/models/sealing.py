"""Seals over append-only logs, the heads that the centre keeps of hospitals' seals, and what checks of them found."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import CentralModel, Identified


class LogSealColumns:
    """A batch of a log as it was when it was sealed, and the head of the chain behind it."""

    log: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    rows: Mapped[int]
    last_xid: Mapped[int] = mapped_column(sa.BigInteger)
    last_id: Mapped[UUID]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    sealed_at: Mapped[datetime]
    leaves: Mapped[bytes] = mapped_column(doc="for each row its id, its time and its SHA-256, in order")
    head: Mapped[bytes]


class LogRetirementColumns:
    """A month of a log that was dropped when its time was over; its seals stay."""

    log: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    years: Mapped[int]
    retired_at: Mapped[datetime]
    retired_by: Mapped[str]


class PlatformLogSeal(LogSealColumns, CentralModel):
    """A sealed batch of the platform's own log. Written by `vien_seal_log` only."""

    __tablename__ = "log_seals"


class PlatformLogRetirement(LogRetirementColumns, CentralModel):
    """A month of the platform's log that was dropped. Written by `vien_retire_log_month` only."""

    __tablename__ = "log_retirements"


class AuditHead(CentralModel):
    """The head of one seal of a hospital, as the centre heard of it. A restored hospital begins another branch."""

    __tablename__ = "audit_heads"

    hospital_id: Mapped[UUID] = mapped_column(sa.ForeignKey("hospitals.id"), primary_key=True)
    log: Mapped[str] = mapped_column(primary_key=True)
    branch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    rows: Mapped[int]
    last_at: Mapped[datetime]
    sealed_at: Mapped[datetime]
    head: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(default=clock.now)


class AuditState(enum.StrEnum):
    """How a check of seals ended."""

    GOOD = "good"
    RESTORED = "restored"
    TAMPERED = "tampered"


class AuditCheck(Identified, CentralModel):
    """What a check of the seals of a hospital, or without one of the platform, found."""

    __tablename__ = "audit_checks"

    hospital_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("hospitals.id"))
    checked_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[str] = mapped_column(doc="a value of AuditState")
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    seals: Mapped[int] = mapped_column(sa.BigInteger)
    seconds: Mapped[float]
    findings: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (sa.Index("ix_audit_checks_hospital_id_checked_at", "hospital_id", sa.desc("checked_at")),)
