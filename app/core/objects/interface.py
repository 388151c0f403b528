"""What a store of objects can do, and how it fails."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from app.core.errors import Text, Unavailable
from app.core.i18n import _l

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreFailed(Unavailable):
    """The store did not take or give an object; nothing partial was left."""

    title = _l("The store of files does not answer")
    default_message = _l("The store of files and backups could not be read or written.")
    remedy = _l("Look at its space, its address and its credentials, then try again. Nothing partial was kept.")


class StoreFull(StoreFailed):
    title = _l("There is no room left")
    default_message = _l(
        "The store of files and backups is full. Earlier backups are untouched; nothing partial is kept."
    )
    remedy: Text | None = _l("Free space or prune old backups (`flask fleet backups --prune`), then try again.")


class NoObject(StoreFailed):
    title = _l("This is not in the store")
    default_message = _l("The store has no such object.")
    remedy: Text | None = _l("List what there is with `flask fleet backups`.")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing tells of an object; size in bytes."""

    key: str
    size: int
    changed_at: datetime


class Sink(Protocol):
    """Where an object is written to."""

    def write(self, data: bytes, /) -> Any: ...


class ObjectStore(Protocol):
    """A place for objects. Everything raises StoreFailed, or StoreFull where there is no room."""

    def writing(self, key: str) -> AbstractContextManager[Sink]:
        """Write an object; it appears at the end of the block, and not at all after an error."""

    def reading(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Read an object from its beginning; raises NoObject."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Return the objects whose keys begin with a prefix, in the order of their keys."""

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None where there is none."""

    def delete(self, key: str) -> None:
        """Remove an object; harmless where there is none."""

    def room(self) -> dict[str, int]:
        """Return `free_bytes` and `total_bytes` where they are known."""


def check_key(key: str) -> str:
    """Return a key that no store can take for something else; raises ValueError."""
    if not KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of an object")
    return key


def failed(error: OSError) -> StoreFailed:
    """Return the error that people are told of."""
    return StoreFull() if error.errno in FULL else StoreFailed()
