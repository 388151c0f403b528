"""Whether the present unit of work may write.

A read-only unit runs in autocommit: no BEGIN and COMMIT around reads, and a write in it is refused, which makes "GET
never writes" a fact instead of a rule. What is let through all the same is named in `db.WHILE_READING`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_read_only: ContextVar[bool] = ContextVar("read_only_unit", default=False)


class WriteInReadOnlyUnit(RuntimeError):
    """A request that may only read tried to change something."""


def is_read_only() -> bool:
    """Tell whether the present unit of work may only read."""
    return _read_only.get()


def set_read_only(read_only: bool) -> Callable[[], None]:
    """Set the mode of the present unit; return the function that sets it back."""
    token = _read_only.set(read_only)
    return lambda: _read_only.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Let what happens inside read only."""
    token = _read_only.set(True)
    try:
        yield
    finally:
        _read_only.reset(token)


@contextmanager
def writing() -> Iterator[None]:
    """Let what happens inside write, whatever the surrounding unit may."""
    token = _read_only.set(False)
    try:
        yield
    finally:
        _read_only.reset(token)
