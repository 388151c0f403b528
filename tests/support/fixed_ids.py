"""Ids that are the same in every hospital."""

from __future__ import annotations

from uuid import UUID


def fixed_id(number: int, series: int = 0) -> UUID:
    """Return an id that is the same in every hospital; another series is for what only one of them has."""
    return UUID(int=0x01900000000070008000000000000000 + 10_000 * series + number)
