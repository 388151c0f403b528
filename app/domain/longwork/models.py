"""The ledger of a hospital's long work, the files that belong to it, and the rows that an import did not take."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import HospitalModel, Identified


class LongWorkState(enum.StrEnum):
    """`prepared` waits for a person's word: a file was sent, and what is to become of it was not said yet."""

    PREPARED = "prepared"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FilePurpose(enum.StrEnum):
    SOURCE = "source"
    RESULT = "result"
    REFUSED = "refused"


class RowOutcome(enum.StrEnum):
    REFUSED = "refused"
    DUPLICATE = "duplicate"


class LongWork(Identified, HospitalModel):
    """One piece of long work. What a batch did and that it did it (`checkpoint`) are committed together."""

    __tablename__ = "long_work"

    kind: Mapped[str]
    state: Mapped[LongWorkState] = mapped_column(default=LongWorkState.QUEUED)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    key: Mapped[str | None] = mapped_column(doc="what must not be done twice, such as the digest of an imported file")
    locale: Mapped[str] = mapped_column(default="vi", server_default="vi")
    requested_by_kind: Mapped[str]
    requested_by: Mapped[UUID | None]
    requested_by_name: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    done: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    total: Mapped[int | None] = mapped_column(sa.BigInteger)
    checkpoint: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    error: Mapped[str | None]
    remedy: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0", doc="how often somebody took it up anew")
    spent_seconds: Mapped[float] = mapped_column(sa.Double, default=0.0, server_default="0")
    runner: Mapped[str | None] = mapped_column(doc="token of who performs it; another one's batches are refused")
    heartbeat_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None] = mapped_column(doc="when its files are destroyed")

    __table_args__ = (
        sa.Index("ix_long_work_requested_at", sa.desc("requested_at"), "id"),
        sa.Index("ix_long_work_unfinished", "requested_at", postgresql_where=sa.text("state IN ('queued', 'running')")),
        sa.Index("ix_long_work_expires_at", "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
        sa.Index("uq_long_work_running", "kind", unique=True, postgresql_where=sa.text("state = 'running'")),
        sa.Index(
            "uq_long_work_key",
            "kind",
            "key",
            unique=True,
            postgresql_where=sa.text("state IN ('queued', 'running', 'succeeded')"),
        ),
    )


class LongWorkFile(HospitalModel):
    """A file that belongs to long work: what was sent, or a part of what came of it, in the order of their numbers."""

    __tablename__ = "long_work_files"

    work_id: Mapped[UUID] = mapped_column(sa.ForeignKey("long_work.id"), primary_key=True)
    purpose: Mapped[FilePurpose] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(sa.ForeignKey("files.id"), index=True)


class LongWorkRow(HospitalModel):
    """A row of an imported file that was not taken, and why. The reason may quote a value: it ends with the files."""

    __tablename__ = "long_work_rows"

    work_id: Mapped[UUID] = mapped_column(sa.ForeignKey("long_work.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, doc="as people count: the header is row 1")
    outcome: Mapped[RowOutcome]
    column: Mapped[str | None] = mapped_column(doc="the column at fault")
    reason: Mapped[str]
