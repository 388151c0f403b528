"""What else happens when a hospital's data comes back: registered by the subjects whose data it is.

What must hold although it is younger than the backup is carried over from the database that is left, where it answers.
Preparers run bound to the new database before anybody is served from it; each must be harmless twice. What has been
erased since the backup is erased again by one of them. Followers run afterwards, when the hospital serves again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: whose it is now, of when it is, and whether it came from another installation."""

    hospital_id: UUID
    code: str
    taken_at: datetime
    imported: bool = False


Preparer = Callable[[Restored], dict[str, int]]
Follower = Callable[[Restored], None]
Carrier = tuple[Callable[[], Any], Callable[[Any], dict[str, int]]]
_carriers: list[Carrier] = []
_preparers: list[Preparer] = []
_followers: list[Follower] = []


def carries_over(read: Callable[[], Any], write: Callable[[Any], dict[str, int]]) -> None:
    """Register what a restored database takes over from the one that it replaces: read bound there, written here."""
    if (read, write) not in _carriers:
        _carriers.append((read, write))


def list_carriers() -> list[Carrier]:
    """Return what is taken over, in order."""
    return list(_carriers)


def prepares_restored(preparer: Preparer) -> Preparer:
    """Register what is done in a restored database before it serves; it returns how many rows it changed, by name."""
    if preparer not in _preparers:
        _preparers.append(preparer)
    return preparer


def follows_restore(follower: Follower) -> Follower:
    """Register what is done once a hospital serves from a restored database; bound by itself where it needs to be."""
    if follower not in _followers:
        _followers.append(follower)
    return follower


def list_preparers() -> list[Preparer]:
    """Return what is done in a restored database before it serves, in order."""
    return list(_preparers)


def list_followers() -> list[Follower]:
    """Return what is done once a hospital serves again, in order."""
    return list(_followers)
