"""The files of long work, and the end of them: by schedule, or when what they belong to came to nothing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.files.keeping import destroy_file
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkFile, LongWorkRow, LongWorkState

REMEMBERED_FOR = timedelta(days=400)


def list_files(work_id: UUID, purpose: FilePurpose) -> list[tuple[int, UUID]]:
    """Return numbers and ids of the files of a piece of work, in their order."""
    query = sa.select(LongWorkFile.number, LongWorkFile.file_id).where(
        LongWorkFile.work_id == work_id, LongWorkFile.purpose == purpose
    )
    return [(row.number, row.file_id) for row in db.session.execute(query.order_by(LongWorkFile.number))]


def destroy_files(work_id: UUID, purpose: FilePurpose, *, from_number: int = 0) -> None:
    """Destroy files of a piece of work, from a number on."""
    for number, file_id in list_files(work_id, purpose):
        if number >= from_number:
            destroy_file(file_id)
            db.session.execute(
                sa.delete(LongWorkFile).where(
                    LongWorkFile.work_id == work_id, LongWorkFile.purpose == purpose, LongWorkFile.number == number
                )
            )


def have_old_work() -> bool:
    """Where long work has files that have stood their time, or is older than is remembered."""
    return bool(db.session.scalar(sa.select(sa.select(LongWork.id).where(sa.or_(_is_over(), _is_old())).exists())))


def end_old_work() -> int:
    """Destroy files that have stood their time, forget what is past remembering; return of how many."""
    with unit_of_work() as session:
        over = session.scalars(sa.select(LongWork.id).where(sa.or_(_is_over(), _is_old())).limit(200)).all()
    for work_id in over:
        with unit_of_work() as session:
            _end(session.get_one(LongWork, work_id, with_for_update=True))
    return len(over)


def _end(work: LongWork) -> None:
    for purpose in FilePurpose:
        destroy_files(work.id, purpose)
    db.session.execute(sa.delete(LongWorkRow).where(LongWorkRow.work_id == work.id))
    if work.state is LongWorkState.PREPARED or work.requested_at < clock.now() - REMEMBERED_FOR:
        db.session.delete(work)
        db.session.flush()


def _is_over() -> sa.ColumnElement[bool]:
    kept = sa.or_(
        sa.select(LongWorkFile.work_id).where(LongWorkFile.work_id == LongWork.id).exists(),
        sa.select(LongWorkRow.work_id).where(LongWorkRow.work_id == LongWork.id).exists(),
        LongWork.state == LongWorkState.PREPARED,
    )
    return sa.and_(LongWork.expires_at <= clock.now(), kept)


def _is_old() -> sa.ColumnElement[bool]:
    return sa.and_(
        LongWork.requested_at < clock.now() - REMEMBERED_FOR,
        LongWork.state.in_((LongWorkState.SUCCEEDED, LongWorkState.FAILED, LongWorkState.CANCELLED)),
    )
