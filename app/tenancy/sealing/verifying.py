"""Holding a log against its seals: every row of every batch, streamed, and the chain from the first seal to the last.

The canonical text is asked for in the query and hashed here; no function of the database in question is trusted. Only
one page of seals and the rows of one batch are in memory at a time, and no transaction lasts longer than a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.tenancy.sealing.canonical import SealedLog, canonical_sql, microseconds_sql
from app.tenancy.sealing.chain import BEFORE_ALL, Key, Leaf, Seal, time_of
from app.tenancy.sealing.findings import Fault, Finding, Report

SEALS_AT_ONCE = 10
FETCH = 1_000
LEAST_YEARS = 10
CheckSeals = Callable[[Sequence[Seal]], None]

_SEALS = sa.text(
    "SELECT log, number, rows, last_xid, last_id, sealed_at, leaves, head FROM log_seals"
    " WHERE log = :log AND number > :number ORDER BY number LIMIT :most"
)
_RETIRED = sa.text("SELECT month, retired_at FROM log_retirements WHERE log = :log")
_NEXT_XID = sa.text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + vien_xid_offset()")


def verify_log(connection: sa.Connection, log: SealedLog, report: Report, check_seals: CheckSeals) -> None:
    """Compare a log with its seals; `check_seals` is shown the seals page by page, for who remembers their heads."""
    check = _Check(connection, log, report)
    for page in _pages_of_seals(connection, log):
        check_seals(page)
        for seal in page:
            check.batch(seal)
    check.behind_the_last()


def _pages_of_seals(connection: sa.Connection, log: SealedLog) -> Iterator[list[Seal]]:
    number = -1
    while page := [
        Seal(
            row.log, row.number, row.rows, row.last_xid, row.last_id, row.sealed_at, bytes(row.leaves), bytes(row.head)
        )
        for row in connection.execute(_SEALS, {"log": log.name, "number": number, "most": SEALS_AT_ONCE})
    ]:
        yield page
        number = page[-1].number


class _Check:
    """One walk along a log's chain."""

    def __init__(self, connection: sa.Connection, log: SealedLog, report: Report) -> None:
        self.connection, self.log, self.report = connection, log, report
        self.before: Seal | None = None
        self.retired = self._read_retired()

    def batch(self, seal: Seal) -> None:
        """Hold one seal against the one before and against its rows."""
        report = self.report
        report.seals += 1
        if not seal.follows(self.before):
            report.add(Finding(Fault.SEAL, self.log.name, seal.number, at=seal.sealed_at))
        expected = {leaf.id: leaf for leaf in seal.split()}
        odd: list[tuple[Any, Leaf | None]] = []
        for row in self._rows(self.before.last_key if self.before else None, seal.last_key):
            report.rows += 1
            leaf = expected.get(row.id)
            if leaf is not None and hashlib.sha256(row.text.encode()).digest() == leaf.digest:
                del expected[row.id]
            else:
                odd.append((row, leaf))
        for row, leaf in odd:
            # Where the sealed row is there as well, one of the same id beside it was added.
            altered = leaf is not None and expected.pop(leaf.id, None) is not None
            self._found(Fault.ALTERED if altered else Fault.ADDED, seal.number, row)
        self._missing(seal, list(expected.values()))
        self.before = seal
        self.connection.commit()

    def behind_the_last(self) -> None:
        """Count what is not sealed yet; what claims a transaction that has not begun was put there."""
        next_xid = self.connection.scalar(_NEXT_XID)
        number = self.before.number + 1 if self.before else 1
        for row in self._rows(self.before.last_key if self.before else None, None):
            self.report.unsealed += 1
            if row.xid >= next_xid or row.xid < BEFORE_ALL[0]:
                self._found(Fault.ADDED, number, row)

    def _rows(self, after: Key | None, until: Key | None) -> Iterator[Any]:
        """Stream the rows behind one place up to another, in the order of sealing."""
        conditions: list[str] = ["true"]
        values: dict[str, Any] = {}
        if after is not None:
            conditions.append("xid >= :after_xid AND (xid, id) > (:after_xid, :after_id)")
            values |= {"after_xid": after[0], "after_id": after[1]}
        if until is not None:
            conditions.append("xid <= :until_xid AND (xid, id) <= (:until_xid, :until_id)")
            values |= {"until_xid": until[0], "until_id": until[1]}
        query = sa.text(
            f"SELECT id, xid, {microseconds_sql()} AS micro, tableoid::regclass::text AS partition,"  # noqa: S608 # nosec B608
            f" {canonical_sql(self.log)} AS text FROM {self.log.name} WHERE {' AND '.join(conditions)} ORDER BY xid, id"
        )
        with self.connection.execution_options(yield_per=FETCH).execute(query, values) as rows:
            yield from rows

    def _found(self, fault: Fault, seal: int, row: Any) -> None:
        self.report.add(Finding(fault, self.log.name, seal, str(row.id), time_of(row.micro), row.partition))

    def _missing(self, seal: Seal, leaves: list[Leaf]) -> None:
        if leaves and not all(_month(leaf.at) in self.retired for leaf in leaves):
            self.retired = self._read_retired()  # a month may have been dropped while this was under way
        for leaf in leaves:
            if _month(leaf.at) in self.retired:
                self.report.retired += 1
                continue
            partition = f"{self.log.name}_{leaf.at:%Y_%m}"
            self.report.add(Finding(Fault.MISSING, self.log.name, seal.number, str(leaf.id), leaf.at, partition))

    def _read_retired(self) -> set[date]:
        """Return the months that were dropped in their time; a certificate for a younger one explains nothing."""
        rows = self.connection.execute(_RETIRED, {"log": self.log.name})
        return {row.month for row in rows if _was_due(row.month, row.retired_at)}


def _month(at: datetime) -> date:
    return at.astimezone(UTC).date().replace(day=1)


def _was_due(month: date, retired_at: datetime) -> bool:
    ended = (month.year + LEAST_YEARS) * 12 + month.month  # months since year 0, of the one after
    dropped = min(retired_at, clock.now())
    return ended <= dropped.year * 12 + dropped.month - 1
