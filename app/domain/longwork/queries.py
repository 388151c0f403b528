"""Reading a hospital's long work: the list, one piece with its files and the rows it did not take, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Forbidden, Text
from app.core.objects.interface import NoObject
from app.domain.audit.operations import record_change
from app.domain.files.keeping import read_content
from app.domain.files.models import File
from app.domain.longwork.errors import ResultGone, UnknownWork
from app.domain.longwork.kinds import work_named, work_title
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkFile, LongWorkRow, LongWorkState
from app.domain.longwork.requests import UNFINISHED, check_steers
from app.domain.paging import Page, offset_of
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital

PER_PAGE = 30
ROWS_SHOWN = 50
WORKER_EXPECTED = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What can be fetched of a piece of work; of several parts the sizes together."""

    purpose: FilePurpose
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ShownWork:
    """A piece of long work as pages and commands show it."""

    row: LongWork
    title: Text
    files: tuple[KeptFile, ...]
    refused: Sequence[Any]

    @property
    def moving(self) -> bool:
        """Something may still happen by itself."""
        return self.row.state in UNFINISHED

    @property
    def waits_for_worker(self) -> bool:
        """No worker has come for longer than one takes."""
        return self.row.state is LongWorkState.QUEUED and clock.now() - self.row.requested_at > WORKER_EXPECTED

    @property
    def may_go_on(self) -> bool:
        """Somebody may take it up again."""
        kept = self.row.expires_at is None or self.row.expires_at > clock.now()
        return self.row.state in (LongWorkState.FAILED, LongWorkState.CANCELLED) and kept

    def file(self, purpose: str) -> KeptFile | None:
        """Return what can be fetched for a purpose, or None."""
        return next((file for file in self.files if file.purpose == purpose), None)


def list_work(page: int = 1, *, requested_by: UUID | None = None) -> Page[Any]:
    """Return a page of the hospital's long work, everybody's or one person's, the newest first."""
    wanted = [LongWork.requested_by == requested_by] if requested_by else []
    total = db.session.scalar(sa.select(sa.func.count(LongWork.id)).where(*wanted)) or 0
    query = (
        sa.select(
            LongWork.id, LongWork.kind, LongWork.state, LongWork.requested_at, LongWork.requested_by_name,
            LongWork.done, LongWork.total, LongWork.error, LongWork.finished_at, LongWork.arguments, LongWork.result,
            LongWork.cancel_requested_at,
        )
        .where(*wanted)
        .order_by(LongWork.requested_at.desc(), LongWork.id)
    )  # fmt: skip
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    return Page(rows, max(page, 1), PER_PAGE, total)


def get_work(work_id: UUID) -> ShownWork:
    """Return one piece of long work; raises UnknownWork."""
    row = db.session.get(LongWork, work_id, populate_existing=True)
    if row is None:
        raise UnknownWork
    sizes = (
        sa.select(LongWorkFile.purpose, sa.func.sum(File.size_bytes))
        .join(File, File.id == LongWorkFile.file_id)
        .where(LongWorkFile.work_id == work_id, File.deleted_at.is_(None))
        .group_by(LongWorkFile.purpose)
    )
    files = tuple(KeptFile(purpose, int(size)) for purpose, size in db.session.execute(sizes))
    notes = (
        sa.select(LongWorkRow.number, LongWorkRow.outcome, LongWorkRow.column, LongWorkRow.reason)
        .where(LongWorkRow.work_id == work_id)
        .order_by(LongWorkRow.number)
        .limit(ROWS_SHOWN)
    )
    return ShownWork(row, work_title(row.kind), files, db.session.execute(notes).all())


def may_fetch(actor: Actor, row: LongWork) -> bool:
    """Tell whether somebody may fetch the files of a piece of work: who asked, or may decide about others' work."""
    try:
        check_fetches(actor, row)
    except Forbidden:
        return False
    return True


def check_fetches(actor: Actor, row: LongWork) -> None:
    """Refuse who may not fetch the files: besides being allowed to decide, the kind's own permission is needed, now."""
    check_steers(actor, row)
    if actor.kind is not ActorKind.SYSTEM and not actor.may(work_named(row.kind).permission.code):
        raise Forbidden


def fetch_file(actor: Actor, work_id: UUID, purpose: FilePurpose) -> tuple[str, str, int, Iterator[bytes]]:
    """Return name, media type, size and content of what came of work, and write down that it was fetched.

    Raises UnknownWork, NotYours, Forbidden, or ResultGone where it is not made or not there any more.
    """
    row = db.session.get(LongWork, work_id, populate_existing=True)
    if row is None:
        raise UnknownWork
    check_fetches(actor, row)
    files = _parts(work_id, purpose)
    is_over = row.expires_at is None or row.expires_at <= clock.now()
    if not files or is_over or (purpose is FilePurpose.RESULT and row.state is not LongWorkState.SUCCEEDED):
        raise ResultGone
    details = {"work": str(work_id), "file": purpose.value, "kind": row.kind}
    record_change(actor, "long_work.fetch", subject_type="long_work", subject_id=row.id, changes=details)
    if purpose is FilePurpose.RESULT:
        record_security_event(actor, "export.many", subject_type="long_work", subject_id=row.id, details=details)
    name = files[0].name if purpose is not FilePurpose.RESULT else _result_name(row, files[0].name)
    content = _joined([file.sha256 for file in files])
    return name, files[0].media_type, sum(file.size_bytes for file in files), content


def _parts(work_id: UUID, purpose: FilePurpose) -> Sequence[Any]:
    query = (
        sa.select(File.name, File.media_type, File.size_bytes, File.sha256)
        .join(LongWorkFile, LongWorkFile.file_id == File.id)
        .where(LongWorkFile.work_id == work_id, LongWorkFile.purpose == purpose, File.deleted_at.is_(None))
        .order_by(LongWorkFile.number)
    )
    return db.session.execute(query).all()


def _joined(digests: Sequence[str]) -> Iterator[bytes]:
    """Return the parts one after the other; the first is opened at once: what is gone is said before it begins."""
    readers = [read_content(digest) for digest in digests]
    try:
        first = next(readers[0], b"")
    except NoObject:
        raise ResultGone from None

    def stream() -> Iterator[bytes]:
        yield first
        for reader in readers:
            yield from reader

    return stream()


def _result_name(row: LongWork, name: str) -> str:
    stem, _dot, ending = name.rpartition(".")
    return f"{bound_hospital().code}-{stem}-{row.requested_at:%Y%m%d-%H%M}.{ending}"
