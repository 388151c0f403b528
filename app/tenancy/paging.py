"""A page of a long list: its rows, and what the pagination below it needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

LARGEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list of `total`."""

    items: Sequence[Row]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages the list has; an empty one has one."""
        return max(1, -(-self.total // self.per_page))


def page_number(text: str | None) -> int:
    """Read a page's number from an address; anything else is the first page."""
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) <= 5 else 1
    return min(max(number, 1), LARGEST_PAGE)
