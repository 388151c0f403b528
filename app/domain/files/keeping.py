"""Keeping files: the row first, then the content; destroying them: the content, unless another file has the same.

Who dies in between leaves a row without content, which is destroyed with what it belongs to, and never content that
no row knows. What nothing came to refer to is destroyed after a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.blobs import digest_of, file_store
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.files.models import File
from app.tenancy.binding import bound_hospital

SOON = timedelta(days=1)
_TO_THE_HOSPITAL: dict[str, Any] = {"mapper": File}


def note_file(actor: Actor, name: str, media_type: str, source: BinaryIO) -> File:
    """Write down that there is to be a file; `store_content` puts its content in its place after the commit."""
    digest, size = digest_of(source)
    _hold(digest)
    file = File(sha256=digest, size_bytes=size, media_type=media_type, name=name, created_by=actor.id)
    db.session.add(file)
    db.session.flush()
    return file


def note_same_file(actor: Actor, file_id: UUID) -> File:
    """Write down a further file with the content of one that is kept; the content ends with the last of them."""
    kept = db.session.get_one(File, file_id)
    _hold(kept.sha256)
    same = {"sha256": kept.sha256, "size_bytes": kept.size_bytes, "media_type": kept.media_type, "name": kept.name}
    file = File(**same, created_by=actor.id)
    db.session.add(file)
    db.session.flush()
    return file


def store_content(digest: str, source: BinaryIO) -> None:
    """Put the content of a noted file in its place; harmless twice."""
    file_store().put_file(bound_hospital().id, source, digest)


def read_content(digest: str) -> Iterator[bytes]:
    """Return a file's content piece by piece; raises NoObject where it was destroyed."""
    return file_store().read(bound_hospital().id, digest)


def destroy_file(file_id: UUID) -> None:
    """Destroy a file's content and say so in its row; harmless twice."""
    file = db.session.get_one(File, file_id, with_for_update=True, populate_existing=True)
    file.deleted_at = file.deleted_at or clock.now()
    db.session.flush()
    destroy_content(file.sha256)
    file.destroyed_at = file.destroyed_at or clock.now()


def destroy_content(digest: str) -> None:
    """Destroy content unless a file has it that belongs to something, or may do so in a moment; harmless twice."""
    _hold(digest)
    same = sa.select(File.id).where(File.sha256 == digest, File.deleted_at.is_(None), sa.not_(_is_left_over()))
    if db.session.scalar(same.limit(1)) is None:
        file_store().delete(bound_hospital().id, digest)


def drop_file(file_id: UUID) -> None:
    """Take a file away with the present unit of work, and destroy its content once that is committed."""
    file = db.session.get_one(File, file_id)
    file.deleted_at = file.deleted_at or clock.now()
    after_commit(lambda: _destroy_alone(file_id))


def destroy_left_files() -> int:
    """Destroy what was taken away and is still there, and what came and never belonged to anything; return how many."""
    with unit_of_work() as session:
        gone = sa.and_(File.deleted_at.is_not(None), File.destroyed_at.is_(None))
        left = session.scalars(sa.select(File.id).where(sa.or_(gone, _is_left_over())).order_by(File.id)).all()
    for file_id in left:
        _destroy_alone(file_id)
    return len(left)


def _destroy_alone(file_id: UUID) -> None:
    with unit_of_work():
        destroy_file(file_id)


def _is_left_over() -> sa.ColumnElement[bool]:
    """Older than anybody takes to say what it belongs to, and nothing refers to it; tables of later releases count."""
    tables = db.metadatas["hospital"].tables.values()
    refers = [
        sa.exists().where(key.parent == File.id)
        for table in tables
        for key in table.foreign_keys
        if key.target_fullname == "files.id"
    ]
    return sa.and_(File.deleted_at.is_(None), File.created_at < clock.now() - SOON, sa.not_(sa.or_(*refers)))


def _hold(digest: str) -> None:
    """Let nobody else note or destroy a file with this content before the transaction ends."""
    lock = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"file:{digest}", 0)))
    db.session.execute(lock, bind_arguments=_TO_THE_HOSPITAL)
