"""The limiter, which is one for all applications of a process: who is made last takes it along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.web.security import limiter


@contextmanager
def limiter_kept() -> Iterator[None]:
    """Give the limiter back to the application that had it before."""
    kept = dict(vars(limiter))
    try:
        yield
    finally:
        vars(limiter).update(kept)
