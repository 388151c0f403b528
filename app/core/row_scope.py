"""Whose rows the present unit of work may see, where that is less than the database holds.

While a scope stands, every transaction with a hospital's database begins by taking on a role of the database and saying
whose rows are wanted; row-level security there does the rest. A forgotten condition in a query then shows nothing of
others. The values hold for the transaction only, so that a pooled connection carries nothing to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowScope:
    """A role of the database, and the setting by which its policies know whose rows are meant."""

    role: str
    setting: str
    value: str


_scope: ContextVar[RowScope | None] = ContextVar("row_scope", default=None)


def current_row_scope() -> RowScope | None:
    """Return the scope that stands, or None."""
    return _scope.get()


def set_row_scope(scope: RowScope | None) -> Callable[[], None]:
    """Let a scope stand; return the function that sets it back."""
    token = _scope.set(scope)
    return lambda: _scope.reset(token)


@contextmanager
def seeing(scope: RowScope | None) -> Iterator[None]:
    """Let a scope stand inside."""
    undo = set_row_scope(scope)
    try:
        yield
    finally:
        undo()
