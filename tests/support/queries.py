"""Counting the statements that reach the databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import sqlalchemy as sa

from app.tenancy.registry import Registry

_looking_up: ContextVar[bool] = ContextVar("looking_up", default=False)


class Statements(list[str]):
    """The statements of a stretch of work, in order."""


@contextmanager
def count_queries() -> Iterator[Statements]:
    """Collect the statements sent to any database inside; `len()` of it is the count.

    What the registry asks is left out: it asks again whenever some seconds have passed, wherever that is.
    """
    seen = Statements()
    look_up = Registry._read

    @wraps(look_up)
    def unnoticed(*arguments: Any) -> Any:
        token = _looking_up.set(True)
        try:
            return look_up(*arguments)
        finally:
            _looking_up.reset(token)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not _looking_up.get():
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    Registry._read = unnoticed  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Registry._read = look_up  # type: ignore[method-assign]
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
