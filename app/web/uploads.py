"""Pages that take files larger than any form: how large, said beside the view, which the gateway asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app

View = TypeVar("View", bound=Callable[..., Any])


def takes_files(most_bytes: int) -> Callable[[View], View]:
    """Mark a view that takes a file of so many bytes at most; texts of its form stay as small as any form's."""

    def mark(view: View) -> View:
        view.largest_request = most_bytes  # type: ignore[attr-defined]
        return view

    return mark


def largest_for(endpoint: str) -> int:
    """Return how large a request an endpoint's view takes by itself; nothing where it says nothing."""
    return int(getattr(current_app.view_functions.get(endpoint), "largest_request", 0))
