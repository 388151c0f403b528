"""Pages of lists that are read from the database: the shape that the `pagination` component shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
LAST_PAGE = 1_000_000  # beyond it lies nothing, and soon no number of the database


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, counted from 1; `total` is of the whole list, or of as much as was counted."""

    items: Sequence[Item]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages the list has; an empty list has one."""
        return max(1, -(-self.total // self.per_page))


def offset_of(page: int, per_page: int) -> int:
    """Return how many rows come before a page; a number below 1 means the first, and one beyond all lists the last."""
    return (min(max(page, 1), LAST_PAGE) - 1) * per_page
