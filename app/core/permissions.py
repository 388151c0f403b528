"""The registry of permissions and the mark that every view carries. Denial is the default.

A permission is declared beside the subject that it protects; a view names the ones it needs with `requires`, or
says `signed_in_only` for people's own accounts and
`public` where nobody has signed in yet. A route with neither stops the application from starting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.errors import Text

View = TypeVar("View", bound=Callable[..., Any])

_registry: dict[str, Permission] = {}


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that a person may do in one portal."""

    code: str
    portal: str
    title: Text


def declare(code: str, portal: str, title: Text) -> Permission:
    """Register a permission; raises ValueError when its code is taken."""
    if code in _registry:
        raise ValueError(f"permission {code!r} is declared twice")
    _registry[code] = Permission(code, portal, title)
    return _registry[code]


def list_permissions(portal: str | None = None) -> list[Permission]:
    """Return the declared permissions, of one portal or of all, by code."""
    return sorted(
        (entry for entry in _registry.values() if portal in (None, entry.portal)),
        key=lambda entry: entry.code,
    )


def requires(*permissions: Permission) -> Callable[[View], View]:
    """Mark a view with the permissions of which the person must hold every one."""
    if not permissions:
        raise ValueError("a view requires at least one permission; say @public where none is meant")

    def mark(view: View) -> View:
        view.required_permissions = frozenset(entry.code for entry in permissions)  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that works for anybody, signed in or not."""
    view.required_permissions = frozenset()  # type: ignore[attr-defined]
    return view


def signed_in_only(view: View) -> View:
    """Mark a view that is for everybody who is signed in to its portal, whatever they may do: their own account."""
    view.required_permissions = frozenset()  # type: ignore[attr-defined]
    view.requires_sign_in = True  # type: ignore[attr-defined]
    return view


def requires_sign_in(view: Callable[..., Any]) -> bool:
    """Tell whether a view is for the signed-in only."""
    return bool(required_by(view)) or getattr(view, "requires_sign_in", False)


def required_by(view: Callable[..., Any]) -> frozenset[str] | None:
    """Return the codes that a view requires, or None where it declares nothing."""
    return getattr(view, "required_permissions", None)


def missing(required: Iterable[str], held: frozenset[str]) -> frozenset[str]:
    """Return what of the required is not held."""
    return frozenset(required) - held
