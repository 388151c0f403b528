"""Counting the statements that reach the databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


class Statements(list[str]):
    """The statements of a stretch of work, in order."""


@contextmanager
def count_queries() -> Iterator[Statements]:
    """Collect every statement sent to any database inside; `len()` of it is the count."""
    seen = Statements()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
