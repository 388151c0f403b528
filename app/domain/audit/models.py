"""Append-only logs of changes and of reads, partitioned by month; and the outbox.

Logs carry ids and field names, not clinical values, so that an erasure never falsifies them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import HospitalModel
from app.core.ids import new_id
from app.tenancy.models.sealing import LogRetirementColumns, LogSealColumns


def _searched(log: str) -> tuple[sa.Index, ...]:
    """Return the indexes by which a log is searched and sealed."""
    return (
        sa.Index(f"ix_{log}_xid", "xid"),
        sa.Index(f"ix_{log}_actor_id_at", "actor_id", sa.desc("at")),
        sa.Index(f"ix_{log}_action_at", "action", sa.desc("at")),
        sa.Index(f"ix_{log}_address_at", "address", sa.desc("at")),
        sa.Index(f"ix_{log}_request_id", "request_id"),
    )


class LogEntry:
    """Who, from where, in which request, and on what ground. The last two columns are the database's own to fill."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(primary_key=True, default=clock.now)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    basis: Mapped[str | None]
    grant_id: Mapped[UUID | None]
    xid: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.FetchedValue())
    recorded_at: Mapped[datetime | None] = mapped_column(server_default=sa.FetchedValue())


class LogSeal(LogSealColumns, HospitalModel):
    """A batch of a log as it was when it was sealed. Written by `vien_seal_log` only."""

    __tablename__ = "log_seals"


class LogRetirement(LogRetirementColumns, HospitalModel):
    """A month of a log that was dropped when its time was over. Written by `vien_retire_log_month` only."""

    __tablename__ = "log_retirements"


class AuditEntry(LogEntry, HospitalModel):
    """A change: which fields of what."""

    __tablename__ = "audit_log"

    patient_id: Mapped[UUID | None]
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        sa.Index("ix_audit_log_at", sa.desc("at")),
        sa.Index("ix_audit_log_subject_id_at", "subject_id", sa.desc("at")),
        sa.Index("ix_audit_log_patient_id_at", "patient_id", sa.desc("at")),
        *_searched("audit_log"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class AccessEntry(LogEntry, HospitalModel):
    """A read of patients' data: one row for a page, with everybody who was on it."""

    __tablename__ = "access_log"

    patient_ids: Mapped[list[UUID]] = mapped_column(ARRAY(sa.Uuid))

    __table_args__ = (
        sa.Index("ix_access_log_at", sa.desc("at")),
        sa.Index("ix_access_log_patient_ids", "patient_ids", postgresql_using="gin"),
        *_searched("access_log"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class OutboxEvent(HospitalModel):
    """Something that happened, for consumers outside the transaction.

    `sequence` is given at the insert and may become visible out of order; `position` is given afterwards by the one
    relay, to committed rows only, and is what consumers' cursors count.
    """

    __tablename__ = "outbox_events"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), unique=True)
    position: Mapped[int | None] = mapped_column(sa.BigInteger, unique=True)
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=sa.func.now())

    __table_args__ = (
        sa.Index("ix_outbox_events_sequence_unplaced", "sequence", postgresql_where=sa.text("position IS NULL")),
    )


class OutboxCursor(HospitalModel):
    """How far one consumer has read the outbox; what it did in this database moved with it, in one transaction."""

    __tablename__ = "outbox_cursors"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)
    failures: Mapped[int] = mapped_column(default=0, server_default="0", doc="in a row, of the event that comes next")
    retry_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class OutboxPruning(HospitalModel):
    """Up to which position the outbox was emptied. One row: who has read less far must be told everything anew."""

    __tablename__ = "outbox_pruning"

    single: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default=sa.true())
    pruned_to: Mapped[int] = mapped_column(sa.BigInteger)
    pruned_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("single", name="one_row"),)
