"""Who performs a piece of long work: one runner at a time, one of a kind at a time, taken over from the dead.

A runner says with each batch that it lives. One of this machine whose process is gone is known to be dead at once.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.longwork.errors import GivenUp
from app.domain.longwork.kinds import list_work_kinds
from app.domain.longwork.models import LongWork, LongWorkState
from app.domain.longwork.requests import KEPT_FOR
from app.domain.longwork.telling import tell
from app.tenancy.ledger.leases import is_dead

log = get_logger(__name__)

LEFT_AFTER_SECONDS = 60
MOST_ATTEMPTS = 10


def have_work_due() -> bool:
    """Where long work waits, or a worker left some behind."""
    return bool(db.session.scalar(sa.select(sa.select(LongWork.id).where(_is_due()).exists())))


def list_due() -> list[UUID]:
    """Return what waits or was left behind, the oldest first. Unknown kinds are left to another release."""
    query = sa.select(LongWork.id).where(_is_due()).order_by(LongWork.requested_at).limit(50)
    return list(db.session.scalars(query))


def claim(work_id: UUID, runner: str) -> bool:
    """Take work that waits or was left behind; False where another has it, or another of its kind is being done."""
    with unit_of_work() as session:
        holder = session.scalar(sa.select(LongWork.runner).where(LongWork.id == work_id))
    left = _is_left()
    if is_dead(holder):
        left = sa.or_(left, LongWork.runner == holder)
    running = LongWork.state == LongWorkState.RUNNING
    anew = sa.case((sa.or_(running, LongWork.started_at.is_(None)), 1), else_=0)
    taken = (
        sa.update(LongWork)
        .where(LongWork.id == work_id, sa.or_(LongWork.state == LongWorkState.QUEUED, sa.and_(running, left)))
        .values(
            state=LongWorkState.RUNNING, runner=runner, heartbeat_at=sa.func.now(), attempts=LongWork.attempts + anew,
            started_at=sa.func.coalesce(LongWork.started_at, sa.func.now()),
        )
        .returning(LongWork.attempts)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    try:
        with unit_of_work() as session:
            attempts = session.scalar(taken)
    except IntegrityError:  # uq_long_work_running: another of its kind
        return False
    if attempts is not None and attempts > MOST_ATTEMPTS:
        log.error("long work given up", work=str(work_id))
        gone = GivenUp()
        end(work_id, runner, LongWorkState.FAILED, error=str(gone), remedy=str(gone.remedy))
        return False
    return attempts is not None


def end(work_id: UUID, runner: str, state: LongWorkState, **values: Any) -> bool:
    """Write how it ended, or that it waits again, and let go of it; False where another runner has it."""
    if state is not LongWorkState.QUEUED:
        values |= {"finished_at": clock.now(), "expires_at": clock.now() + KEPT_FOR}
    query = sa.update(LongWork).where(LongWork.id == work_id, LongWork.runner == runner)
    with unit_of_work() as session:
        query = query.values(state=state, runner=None, **values).returning(LongWork.id)
        ended = session.scalar(query.execution_options(synchronize_session=False)) is not None
    tell(work_id)
    return ended


def _is_left() -> sa.ColumnElement[bool]:
    return LongWork.heartbeat_at < sa.func.now() - sa.text(f"interval '{LEFT_AFTER_SECONDS} seconds'")


def _is_due() -> sa.ColumnElement[bool]:
    return sa.and_(
        LongWork.kind.in_([kind.name for kind in list_work_kinds()]),
        sa.or_(
            LongWork.state == LongWorkState.QUEUED,
            sa.and_(LongWork.state == LongWorkState.RUNNING, _is_left()),
        ),
    )
