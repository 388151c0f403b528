"""What the centre remembers of hospitals' seals: whoever rewrites a hospital's log would have to rewrite this too.

A hospital that was restored comes back with an older chain and goes on from there. The centre then knows heads that the
hospital has not, and they are explained by a restore: it ended after the centre had heard of them, and brought back a
backup that was begun before they were sealed. Any other difference is tampering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import AuditHead, Backup, RestoreRun, RestoreState, RetiredDatabase
from app.tenancy.sealing.chain import Seal
from app.tenancy.sealing.findings import Fault, Finding, Report

BACK_AGAIN = frozenset({"restore", "import"})
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Return:
    """A return of a hospital to an earlier state."""

    taken_at: datetime
    done_at: datetime

    def explains(self, head: AuditHead) -> bool:
        """Tell whether the centre may know this head although the hospital does not."""
        return self.taken_at <= head.sealed_at and head.received_at <= self.done_at

    def words(self) -> str:
        """Say it for the report."""
        if self.taken_at == LONG_AGO:
            return f"restored from a dump on {self.done_at:%Y-%m-%d %H:%M} UTC"
        return (
            f"restored on {self.done_at:%Y-%m-%d %H:%M} UTC from a backup taken at {self.taken_at:%Y-%m-%d %H:%M} UTC"
        )


def list_returns(hospital_id: UUID) -> list[Return]:
    """Return when a hospital went back to an earlier state, and to which."""
    runs = db.session.execute(
        sa.select(Backup.started_at, RestoreRun.finished_at)
        .select_from(RestoreRun)
        .join(Backup, Backup.id == RestoreRun.backup_id, isouter=True)
        .where(
            RestoreRun.hospital_id == hospital_id,
            RestoreRun.kind.in_(BACK_AGAIN),
            RestoreRun.state == RestoreState.SUCCEEDED,
            RestoreRun.finished_at.is_not(None),
        )
    )
    swapped = db.session.execute(
        sa.select(RetiredDatabase.retired_at, RetiredDatabase.brought_back_at).where(
            RetiredDatabase.hospital_id == hospital_id, RetiredDatabase.brought_back_at.is_not(None)
        )
    )
    found = [Return(taken or LONG_AGO, done) for taken, done in [*runs, *swapped] if done is not None]
    return sorted(found, key=lambda one: one.done_at)


class KnownHeads:
    """The centre's heads of one hospital, held against its seals page by page."""

    def __init__(self, hospital_id: UUID, report: Report) -> None:
        self.hospital_id, self.report = hospital_id, report
        with unit_of_work():
            self.returns = list_returns(hospital_id)
        self.number: dict[str, int] = {}

    def check(self, seals: Sequence[Seal]) -> None:
        """Compare a page of seals with what the centre heard of them."""
        first, last = seals[0], seals[-1]
        own = {seal.number: seal.head for seal in seals}
        for head in self._heads(first.log, self.number.get(first.log, -1), last.number):
            if own.get(head.number) != bytes(head.head):
                self._differs(head)
        self.number[first.log] = last.number

    def check_end(self, log: str) -> None:
        """Compare what the centre knows behind the hospital's last seal, which should be nothing."""
        for head in self._heads(log, self.number.get(log, -1), None):
            self._differs(head)

    def _heads(self, log: str, after: int, until: int | None) -> Sequence[AuditHead]:
        query = sa.select(AuditHead).where(
            AuditHead.hospital_id == self.hospital_id, AuditHead.log == log, AuditHead.number > after
        )
        if until is not None:
            query = query.where(AuditHead.number <= until)
        with unit_of_work() as session:
            heads = session.scalars(query.order_by(AuditHead.number).limit(10_000)).all()
            session.expunge_all()
        return heads

    def _differs(self, head: AuditHead) -> None:
        explained = next((one for one in self.returns if one.explains(head)), None)
        if explained is None:
            self.report.add(Finding(Fault.HEAD, head.log, head.number, at=head.sealed_at))
        elif explained.words() not in self.report.restored:
            self.report.restored.append(explained.words())


def carry_head(hospital_id: UUID, newest: Seal, head_at: Callable[[int], bytes | None]) -> bool:
    """Write a hospital's newest head down; tell whether it goes on from what the centre knows.

    `head_at` gives the hospital's own head of a number. After a restore the heads go on in a new branch. What nothing
    explains is written down as well, in a branch of its own, so that the alarm is raised once and what follows is kept.
    """
    with unit_of_work() as session:
        known = session.scalar(
            sa.select(AuditHead)
            .where(AuditHead.hospital_id == hospital_id, AuditHead.log == newest.log)
            .order_by(AuditHead.branch.desc(), AuditHead.number.desc())
            .limit(1)
        )
        goes_on = known is None or head_at(known.number) == bytes(known.head)
        good = goes_on or (known is not None and any(one.explains(known) for one in list_returns(hospital_id)))
        branch = 0 if known is None else known.branch + (0 if goes_on else 1)
        session.execute(
            insert(AuditHead)
            .values(
                hospital_id=hospital_id,
                log=newest.log,
                branch=branch,
                number=newest.number,
                rows=newest.rows,
                last_at=newest.sealed_at,
                sealed_at=newest.sealed_at,
                head=newest.head,
                received_at=clock.now(),
            )
            .on_conflict_do_nothing()
        )
    return good
