"""The chain of seals, computed here and not by the database whose rows it protects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.tenancy.sealing.canonical import DIGEST, ID, LEAF

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[int, UUID]
BEFORE_ALL: Key = (-1, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a seal remembers of one row."""

    id: UUID
    at: datetime
    digest: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed batch as it stands in the database."""

    log: str
    number: int
    rows: int
    last_xid: int
    last_id: UUID
    sealed_at: datetime
    leaves: bytes
    head: bytes

    @property
    def last_key(self) -> Key:
        """Return the place of its last row in the order of sealing."""
        return self.last_xid, self.last_id

    def split(self) -> Iterator[Leaf]:
        """Give its leaves in order; what is left over at the end is none."""
        for start in range(0, len(self.leaves) - LEAF + 1, LEAF):
            leaf = self.leaves[start : start + LEAF]
            micro = int.from_bytes(leaf[ID:-DIGEST], "big", signed=True)
            yield Leaf(UUID(bytes=leaf[:ID]), time_of(micro), leaf[-DIGEST:])

    def follows(self, before: Seal | None) -> bool:
        """Tell whether its head is that of these leaves behind the seal before."""
        whole = len(self.leaves) == self.rows * LEAF
        return whole and self.number == (before.number if before else 0) + 1 and self.head == head_of(self, before)


def head_of(seal: Seal, before: Seal | None) -> bytes:
    """Compute the head of a seal as `vien_seal_log` does."""
    from_xid, from_id = before.last_key if before else BEFORE_ALL
    parts: list[Any] = [
        "vien-seal/1",
        seal.log,
        seal.number,
        seal.rows,
        from_xid,
        from_id,
        seal.last_xid,
        seal.last_id,
        seal.sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        hashlib.sha256(seal.leaves).hexdigest(),
        before.head.hex() if before else "",
    ]
    return hashlib.sha256("|".join(map(str, parts)).encode()).digest()


def time_of(micro: int) -> datetime:
    """Return the moment that is so many microseconds after 1970; one that no calendar has is the epoch."""
    try:
        return EPOCH + timedelta(microseconds=micro)
    except OverflowError:
        return EPOCH
