"""The index as it is compared with a hospital: a checksum for a range of patients, and what stands in the range.

A fingerprint is all that the index says of a patient except the name, which only a key opens. Both sides write it
alike, the centre in SQL, so that a range that agrees sends nothing but its checksum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.core import clock
from app.core.db import db
from app.tenancy.index import COLUMNS, PatientFacts, blind
from app.tenancy.models import PatientIndexEntry, Reconciliation, RunStatus
from app.tenancy.sync import describe

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Range:
    """The patients behind one id up to another; None is open."""

    after: UUID | None
    up_to: UUID | None

    def of(self, column: Any) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on a column of ids."""
        return [
            *([column > self.after] if self.after is not None else []),
            *([column <= self.up_to] if self.up_to is not None else []),
        ]


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the index says of a patient."""

    patient_id: UUID
    version: int
    fingerprint: str


def fingerprint_of(facts: PatientFacts) -> str:
    """Return the fingerprint that the index must have of a patient."""
    digests = (blind(kind, getattr(facts, kind)) for kind in COLUMNS)
    words = (
        facts.id, facts.version, "0" if facts.deactivated_at else "1", facts.merged_into or NOTHING,
        *(digest.hex() if digest else NOTHING for digest in digests),
    )  # fmt: skip
    return ":".join(map(str, words))


def checksum_of_range(fingerprints: Iterable[str]) -> str:
    """Return the SHA-256 over fingerprints in the order of their patients."""
    return hashlib.sha256(";".join(fingerprints).encode()).hexdigest()


def checksum_at_centre(hospital_id: UUID, where: Range) -> str:
    """Return the checksum of what the index has in a range."""
    entry = PatientIndexEntry
    joined = sa.func.string_agg(_fingerprint(), aggregate_order_by(sa.literal(";"), entry.patient_id))
    digest = sa.func.encode(sa.func.sha256(sa.func.convert_to(sa.func.coalesce(joined, ""), "UTF8")), "hex")
    query = sa.select(digest).select_from(entry).where(entry.hospital_id == hospital_id, *where.of(entry.patient_id))
    return str(db.session.scalar(query, bind_arguments={"mapper": entry}))


def read_indexed(hospital_id: UUID, where: Range | Collection[UUID]) -> dict[UUID, Indexed]:
    """Return what the index has in a range, or of some patients."""
    entry = PatientIndexEntry
    wanted = where.of(entry.patient_id) if isinstance(where, Range) else [entry.patient_id.in_(list(where))]
    query = sa.select(entry.patient_id, entry.source_version, _fingerprint())
    rows = db.session.execute(query.where(entry.hospital_id == hospital_id, *wanted))
    return {row[0]: Indexed(*row) for row in rows}


def doubt(hospital_id: UUID, wrong: Sequence[Indexed]) -> None:
    """Have entries be overwritten by whatever version their hospital tells next, unless they have changed meanwhile."""
    entry = PatientIndexEntry
    for one in wrong:
        mine = (entry.hospital_id == hospital_id, entry.patient_id == one.patient_id)
        db.session.execute(sa.update(entry).where(*mine, entry.source_version == one.version).values(source_version=0))


def begin_reconciliation(hospital_id: UUID, asked_by: str, started_at: datetime) -> UUID:
    """Write down that a comparison has begun."""
    row = Reconciliation(
        hospital_id=hospital_id, asked_by=asked_by, status=RunStatus.RUNNING, started_at=started_at, patients=0,
        ranges=0, ranges_differing=0, missing=0, different=0, surplus=0, mended=0,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row.id


def end_reconciliation(reconciliation_id: UUID, error: Exception | None = None, **figures: Any) -> None:
    """Write down what came of a comparison."""
    row = db.session.get_one(Reconciliation, reconciliation_id)
    row.status = RunStatus.SUCCEEDED if error is None else RunStatus.FAILED
    row.finished_at, row.error = clock.now(), None if error is None else describe(error)
    for name, value in figures.items():
        setattr(row, name, value)


def is_comparison_due(hospital_id: UUID, since: datetime) -> bool:
    """Tell whether no comparison of a hospital has begun since a moment."""
    begun = sa.select(Reconciliation.id).where(
        Reconciliation.hospital_id == hospital_id, Reconciliation.started_at > since
    )
    return db.session.scalar(begun.limit(1)) is None


def _fingerprint() -> sa.ColumnElement[str]:
    entry = PatientIndexEntry
    text = sa.Text()
    words = (
        entry.patient_id.cast(text),
        entry.source_version.cast(text),
        sa.case((entry.deactivated_at.is_(None), "1"), else_="0"),
        sa.func.coalesce(entry.merged_into.cast(text), NOTHING),
        *(sa.func.coalesce(sa.func.encode(column, "hex"), NOTHING) for column in COLUMNS.values()),
    )
    return sa.func.concat_ws(":", *words)
