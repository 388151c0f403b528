"""The registry of permissions and the mark that every view carries. Denial is the default.

A permission is declared beside the subject that it protects; a view names the ones it needs with `requires`, or says
`signed_in_only` for people's own accounts and `public` where nobody has signed in yet. A route with neither stops the
application from starting. How far a permission reaches is said by bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from app.core.errors import Text

View = TypeVar("View", bound=Callable[..., Any])

_registry: dict[str, Permission] = {}


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that a person may do in one portal."""

    code: str
    portal: str
    title: Text


class Scope(StrEnum):
    """With whose data the permissions of a role count; each includes those after it."""

    HOSPITAL = "hospital"
    DEPARTMENT = "department"
    TREATING = "treating"


class FieldAccess(StrEnum):
    """What a role may do with a protected field; each includes those after it."""

    WRITE = "write"
    READ = "read"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the permissions of somebody reach: a scope for each, the department, and fields that are closed."""

    staff_id: UUID
    department_id: UUID | None = None
    scopes: Mapping[str, Scope] = field(default_factory=dict, hash=False)
    closed: Mapping[str, FieldAccess] = field(default_factory=dict, hash=False)


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
