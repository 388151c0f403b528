"""Asking for long work, for another try, for its end. A worker is woken after the commit; the schedule finds others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Forbidden
from app.core.queue import enqueue
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import MANAGE_LONG_WORK
from app.domain.longwork.errors import DoneBefore, NotYours, UnknownWork, WorkEnded, WorkNotRetryable
from app.domain.longwork.kinds import WorkKind, work_named
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkFile, LongWorkState
from app.domain.longwork.telling import tell
from app.tenancy.binding import bound_hospital

JOB = "perform_long_work"
KEPT_FOR = timedelta(days=7)
PREPARED_FOR = timedelta(days=1)
UNFINISHED = (LongWorkState.QUEUED, LongWorkState.RUNNING)


def request_work(
    actor: Actor,
    name: str,
    *,
    arguments: dict[str, Any] | None = None,
    key: str | None = None,
    total: int | None = None,
    locale: str = "vi",
    wake: bool = True,
) -> LongWork:
    """Write down what is wanted, and wake a worker when that is committed; raises Forbidden, or DoneBefore by key."""
    work = new_work(actor, work_named(name), arguments or {}, locale)
    work.key, work.total = key, total
    with _once(work.kind, key):
        db.session.add(work)
    _record(actor, "long_work.ask", work)
    if wake:
        wake_worker()
    return work


def prepare_work(actor: Actor, name: str, *, arguments: dict[str, Any], total: int | None, locale: str) -> LongWork:
    """Write down work that waits for a person's further word; what nobody says more about ends after a day."""
    work = new_work(actor, work_named(name), arguments, locale)
    work.state, work.total, work.expires_at = LongWorkState.PREPARED, total, clock.now() + PREPARED_FOR
    db.session.add(work)
    db.session.flush()
    return work


def begin_prepared(
    actor: Actor, work_id: UUID, *, arguments: dict[str, Any], key: str | None, wake: bool = True
) -> LongWork:
    """Have prepared work done with these arguments; raises WorkEnded where it was begun, DoneBefore by its key."""
    work = hold_work(work_id)
    check_steers(actor, work)
    check_may_ask(actor, work_named(work.kind))
    if work.state is not LongWorkState.PREPARED:
        raise WorkEnded
    with _once(work.kind, key):
        work.arguments = work.arguments | arguments
        work.state, work.key, work.expires_at, work.requested_at = LongWorkState.QUEUED, key, None, clock.now()
    _record(actor, "long_work.ask", work)
    if wake:
        wake_worker()
    return work


def retry_work(actor: Actor, work_id: UUID, *, wake: bool = True) -> LongWork:
    """Have failed or cancelled work go on where it stopped; raises UnknownWork, NotYours or WorkNotRetryable."""
    work = hold_work(work_id)
    check_steers(actor, work)
    check_may_ask(actor, work_named(work.kind))
    kept = work.expires_at is None or work.expires_at > clock.now()
    if work.state not in (LongWorkState.FAILED, LongWorkState.CANCELLED) or not kept:
        raise WorkNotRetryable
    with _once(work.kind, work.key):
        work.state, work.error, work.remedy, work.finished_at = LongWorkState.QUEUED, None, None, None
        work.cancel_requested_at, work.expires_at, work.spent_seconds, work.attempts = None, None, 0.0, 0
    _record(actor, "long_work.retry", work)
    if wake:
        wake_worker()
    return work


def cancel_work(actor: Actor, work_id: UUID) -> LongWork:
    """Have work stop behind its present batch, or not begin; raises UnknownWork, NotYours or WorkEnded."""
    work = hold_work(work_id)
    check_steers(actor, work)
    if work.state not in (*UNFINISHED, LongWorkState.PREPARED):
        raise WorkEnded
    work.cancel_requested_at = clock.now()
    if work.state is not LongWorkState.RUNNING:
        work.state, work.finished_at = LongWorkState.CANCELLED, clock.now()
        work.expires_at = clock.now() + KEPT_FOR
    db.session.flush()
    _record(actor, "long_work.cancel", work)
    return work


def new_work(actor: Actor, kind: WorkKind, arguments: dict[str, Any], locale: str) -> LongWork:
    """Return a row that is not saved yet; raises Forbidden where the actor may not ask for this kind."""
    check_may_ask(actor, kind)
    return LongWork(
        kind=kind.name, arguments=arguments, locale=locale, requested_by_kind=actor.kind.value, requested_by=actor.id,
        requested_by_name=actor.name, requested_at=clock.now(),
    )  # fmt: skip


def check_may_ask(actor: Actor, kind: WorkKind) -> None:
    """Refuse everybody but staff with the kind's permission, and the command line."""
    if actor.kind is not ActorKind.SYSTEM and (
        actor.kind is not ActorKind.STAFF or not actor.may(kind.permission.code)
    ):
        raise Forbidden


def may_steer(actor: Actor, work: LongWork) -> bool:
    """Tell whether somebody may cancel, go on with and fetch a piece of work: who asked, or who decides for others."""
    own = actor.id is not None and actor.id == work.requested_by
    return own or actor.kind is ActorKind.SYSTEM or actor.may(MANAGE_LONG_WORK.code)


def check_steers(actor: Actor, work: LongWork) -> None:
    """Refuse who neither asked for the work nor may decide about others'; raises NotYours."""
    if not may_steer(actor, work):
        raise NotYours


def hold_work(work_id: UUID) -> LongWork:
    """Return a row and let nobody else change it before the transaction ends; raises UnknownWork."""
    query = sa.select(LongWork).where(LongWork.id == work_id).with_for_update()
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise UnknownWork
    return found


def wake_worker() -> None:
    """Wake a worker once the unit of work is committed; while Redis is away the schedule finds the row."""
    code = bound_hospital().code
    after_commit(lambda: enqueue(JOB, hospital=code))


def link_file(work_id: UUID, purpose: FilePurpose, number: int, file_id: UUID) -> None:
    """Say that a file belongs to a piece of work."""
    db.session.add(LongWorkFile(work_id=work_id, purpose=purpose, number=number, file_id=file_id))
    db.session.flush()


@contextmanager
def _once(kind: str, key: str | None) -> Iterator[None]:
    """Write what happens inside; raises DoneBefore where the same is being done, or was."""
    try:
        with db.session.begin_nested():
            yield
    except IntegrityError as error:
        if "uq_long_work_key" not in str(error.orig):
            raise
        states = (*UNFINISHED, LongWorkState.SUCCEEDED)
        query = sa.select(LongWork.id).where(LongWork.kind == kind, LongWork.key == key, LongWork.state.in_(states))
        raise DoneBefore(db.session.scalars(query).one()) from None


def _record(actor: Actor, action: str, work: LongWork) -> None:
    changes = {"kind": work.kind, **{f"arguments.{name}": value for name, value in work.arguments.items()}}
    record_change(actor, action, subject_type="long_work", subject_id=work.id, changes=changes)
    work_id = work.id
    after_commit(lambda: tell(work_id))
