"""Pages that take files larger than any form: how large, said beside the view, which the gateway asks.

Only of people who are signed in and may see the page; from anybody else nothing larger than a form is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app

from app.core.permissions import required_by
from app.web.principals import find_principal

View = TypeVar("View", bound=Callable[..., Any])


def takes_files(most_bytes: int) -> Callable[[View], View]:
    """Mark a view that takes a file of so many bytes at most; texts of its form stay as small as any form's."""

    def mark(view: View) -> View:
        view.largest_request = most_bytes  # type: ignore[attr-defined]
        return view

    return mark


def largest_for(endpoint: str) -> int:
    """Return how large a request an endpoint's view takes from who asks; nothing where it says nothing."""
    view = current_app.view_functions.get(endpoint)
    largest = int(getattr(view, "largest_request", 0))
    if not largest or view is None:
        return 0
    principal = find_principal()
    return largest if principal is not None and all(map(principal.may, required_by(view) or ())) else 0
