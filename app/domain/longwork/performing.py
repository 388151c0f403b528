"""Performing long work batch by batch. What a batch does and how far the work is are committed together, or neither.

So a worker may be killed anywhere: whoever comes next goes on behind the last batch that was committed. A database
that is away for a moment is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
from flask_babel import force_locale
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from app.core.actor import Actor, ActorKind, system_actor
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_change
from app.domain.files.keeping import note_file, store_content
from app.domain.identity.acting import find_acting_staff
from app.domain.longwork.claiming import claim, end, list_due
from app.domain.longwork.errors import AskerGone, SliceOver, TookTooLong, UnknownWork, WorkCancelled, WorkTaken
from app.domain.longwork.keeping import destroy_files
from app.domain.longwork.kinds import WorkKind, work_named
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkState
from app.domain.longwork.requests import link_file
from app.domain.longwork.telling import Teller
from app.tenancy.ledger.errors import LeaseLost
from app.tenancy.ledger.leases import new_runner
from app.tenancy.ledger.performing import first_line

log = get_logger(__name__)

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
STARTING = ("57P01", "57P02", "57P03")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener hears behind each batch."""

    done: int
    total: int | None


Listener = Callable[[Heard], None]


@dataclass(slots=True)
class Work:
    """One piece of long work while it is performed. `checkpoint` and `done` are saved with each batch."""

    id: UUID
    kind: WorkKind
    arguments: dict[str, Any]
    actor: Actor
    locale: str
    checkpoint: dict[str, Any]
    done: int
    total: int | None
    spent: float
    runner: str
    listener: Listener | None = None
    slice_seconds: float | None = None
    interruptible: bool = True
    _teller: Teller = field(default_factory=Teller)
    _began_with: int = field(init=False)
    _began: float = field(default_factory=time.monotonic)
    _noted: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._began_with = self.done

    @contextmanager
    def batch(self) -> Iterator[Session]:
        """Do one batch, with a safe point behind it: raises WorkCancelled, SliceOver or TookTooLong, and LeaseLost."""
        with unit_of_work() as session:
            yield session
            cancelled = self._save(session)
        self._teller.tell(self.id, seldom=True)
        if self.listener is not None:
            self.listener(Heard(self.done, self.total))
        if cancelled:
            raise WorkCancelled
        if self.spent > self.kind.limit_seconds:
            raise TookTooLong
        if self._has_had_its_turn():
            raise SliceOver

    def breathe(self) -> None:
        """Say that it lives, and stop where somebody asked for it: a batch of nothing."""
        with self.batch():
            pass

    def keep_file(self, purpose: FilePurpose, number: int, name: str, media_type: str, content: BinaryIO) -> None:
        """Keep a file of this work. One that a batch does not count in its checkpoint is destroyed by the next try."""
        with unit_of_work() as session:
            if self._save(session):
                log.info("long work is being cancelled", work=str(self.id))
            file = note_file(self.actor, name, media_type, content)
            link_file(self.id, purpose, number, file.id)
            digest = file.sha256
        store_content(digest, content)

    def _has_had_its_turn(self) -> bool:
        """Tell whether its slice is over; not before something was done in it."""
        if not self.interruptible or self.slice_seconds is None or self.done == self._began_with:
            return False
        return time.monotonic() - self._began > self.slice_seconds

    def _save(self, session: Session) -> bool:
        """Write how far it is; return whether it is to be cancelled. Raises LeaseLost where another runner has it."""
        now = time.monotonic()
        self.spent, self._noted = self.spent + now - self._noted, now
        saved = (
            sa.update(LongWork)
            .where(LongWork.id == self.id, LongWork.runner == self.runner)
            .values(
                checkpoint=self.checkpoint, done=self.done, total=self.total, spent_seconds=self.spent,
                heartbeat_at=sa.func.now(),
            )
            .returning(LongWork.cancel_requested_at)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        row = session.execute(saved).one_or_none()
        if row is None:
            raise LeaseLost
        return row.cancel_requested_at is not None


def perform_due(*, slice_seconds: float | None = None) -> bool:
    """Perform what waits in the bound hospital, a slice of each; return whether some of it goes on later."""
    with unit_of_work():
        due = list_due()
    goes_on = False
    for work_id in due:
        try:
            perform_work(work_id, slice_seconds=slice_seconds)
        except SliceOver:
            goes_on = True
        except (WorkTaken, WorkCancelled) as reason:
            log.info("long work not done", work=str(work_id), reason=type(reason).__name__)
        except VienError as error:
            log.error("long work failed", work=str(work_id), reason=str(error))
    return goes_on


def perform_work(
    work_id: UUID, listener: Listener | None = None, *, slice_seconds: float | None = None
) -> dict[str, Any]:
    """Perform work that waits, or go on where an earlier runner stopped; return what came of it.

    Raises WorkTaken where somebody else does it or its like, WorkCancelled, SliceOver, or what the work raised, after
    writing it down.
    """
    runner = new_runner()
    if not claim(work_id, runner):
        raise WorkTaken
    away, done = 0, -1
    while True:
        try:
            work = _read(work_id, runner, listener, slice_seconds)
            away, done = (0, work.done) if work.done > done else (away, done)
            return _run(work)
        except (OperationalError, InterfaceError) as error:
            if away == len(PAUSES) or not _is_away(error):
                _fail(work_id, runner, error)
                raise
            log.warning("database away in the middle of long work; waiting", seconds=PAUSES[away])
            time.sleep(PAUSES[away])
            away += 1


def _read(work_id: UUID, runner: str, listener: Listener | None, slice_seconds: float | None) -> Work:
    with unit_of_work() as session:
        row = session.get(LongWork, work_id, populate_existing=True)
        if row is None:
            raise UnknownWork
        actor = _asker(row)
        return Work(
            row.id, work_named(row.kind), dict(row.arguments), actor, row.locale, dict(row.checkpoint), row.done,
            row.total, row.spent_seconds, runner, listener, slice_seconds,
        )  # fmt: skip


def _asker(row: LongWork) -> Actor:
    """Return who asked, with what they may do now and not what they might when they asked."""
    if row.requested_by_kind == ActorKind.SYSTEM.value:
        return system_actor(row.requested_by_name)
    found = find_acting_staff(row.requested_by) if row.requested_by else None
    return found or Actor(ActorKind.STAFF, row.requested_by, row.requested_by_name)


def _run(work: Work) -> dict[str, Any]:
    try:
        with force_locale(work.locale):
            if work.actor.kind is not ActorKind.SYSTEM and not work.actor.may(work.kind.permission.code):
                raise AskerGone
            work.breathe()  # cancelled before it began
            result = work.kind.run(work)
    except SliceOver:
        end(work.id, work.runner, LongWorkState.QUEUED)
        raise
    except WorkCancelled:
        _stop(work, LongWorkState.CANCELLED)
        raise
    except LeaseLost:
        log.error("long work was taken over by another runner", work=str(work.id))
        raise WorkTaken from None
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.warning("long work failed", work=str(work.id), kind=work.kind.name, error=type(error).__name__)
        _stop(work, LongWorkState.FAILED, **_explained(work.locale, error))
        raise
    except KeyboardInterrupt:
        _stop(work, LongWorkState.FAILED, error="interrupted")
        raise
    except BaseException:  # the process is told to end: whoever comes next goes on from here
        end(work.id, work.runner, LongWorkState.QUEUED)
        raise
    if not _finish(work, result):
        raise WorkTaken
    return result


def _finish(work: Work, result: dict[str, Any]) -> bool:
    ended = end(work.id, work.runner, LongWorkState.SUCCEEDED, result=result, done=work.done, total=work.done)
    if ended:
        with unit_of_work():
            record_change(
                work.actor, "long_work.complete", subject_type="long_work", subject_id=work.id,
                changes={"kind": work.kind.name, **result},
            )  # fmt: skip
    return ended


def _stop(work: Work, state: LongWorkState, **values: Any) -> None:
    """End work before its end: keep what it has done, or destroy what it has made, as its kind says."""
    if work.kind.keeps_effects:
        end(work.id, work.runner, state, result=dict(work.checkpoint.get("counts", {})), **values)
    elif end(work.id, work.runner, state, checkpoint={}, done=0, **values):
        with unit_of_work():
            destroy_files(work.id, FilePurpose.RESULT)


def _fail(work_id: UUID, runner: str, error: DBAPIError) -> None:
    """Say what went wrong, if the database takes that; else the work is taken up again when it was left long enough."""
    try:
        end(work_id, runner, LongWorkState.FAILED, error=first_line(error))
    except DBAPIError:
        log.error("long work left behind: its database is away", work=str(work_id))


def _is_away(error: DBAPIError) -> bool:
    """Tell a lost connection or a server that is starting or full from a statement that is at fault itself."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or not state or state in STARTING or state[:2] in ("08", "53")


def _explained(locale: str, error: Exception) -> dict[str, Any]:
    with force_locale(locale):
        remedy = str(error.remedy) if isinstance(error, VienError) and error.remedy else None
        return {"error": first_line(error), "remedy": remedy}
